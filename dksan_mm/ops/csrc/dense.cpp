// Copyright (c) DKSAN-MM contributors.
#include "dense.h"

#include <algorithm>

namespace dksan {
namespace {

template <typename T>
Panels<T> panels_of(const T* packed, int64_t rows) {
  return {packed, kPanelWidth<T>, rows * kPanelWidth<T>};
}

// Adds the bias to `count` rows of outputs at distances of `stride`.
template <typename T>
void add_bias(const T* bias, int64_t count, int64_t stride, int64_t outs,
              T* rows) {
  for (int64_t p = 0; p < count; ++p)
    for (int64_t o = 0; o < outs; ++o) rows[p * stride + o] += bias[o];
}

// Rows of a chunk of an image and of its gradient, for the lines in reach.
template <typename T>
class LineRows {
 public:
  LineRows(const Geometry& g, const Chunk& chunk,
           const std::vector<Lines>& windows, const Image<const T>& x,
           const Image<T>& grad_x)
      : line_width_(g.width),
        chunk_(chunk),
        ring_(g, windows),
        x_(x),
        grad_x_(grad_x),
        x_rows_((ring_.rows() + 1) * chunk.width),
        grad_rows_(x_rows_.size()) {}

  LineMap map() const { return ring_.map(); }
  Rows<const T> x() const { return {x_rows_.data(), chunk_.width}; }
  Rows<T> grad() { return {grad_rows_.data(), chunk_.width}; }

  void move_to(const Lines& window) {
    put(window.first);
    ring_.enter(window, [&](int64_t line, int64_t row, int64_t number) {
      const int64_t start = row * chunk_.width, pixels = number * line_width_;
      to_rows(x_, line * line_width_, pixels, chunk_.segments, chunk_.width,
              x_rows_.data() + start);
      std::fill_n(grad_rows_.data() + start, pixels * chunk_.width, T(0));
    });
  }

  // Writes the gradients of all lines before `first`.
  void put(int64_t first) {
    ring_.leave(first, [&](int64_t line, int64_t row, int64_t number) {
      const int64_t at = line * line_width_, pixels = number * line_width_;
      for (const Segment& s : chunk_.segments) {
        const Image<T> to = from_channel(grad_x_, s.channel);
        if (row < 0)
          fill_zeros(to, at, pixels, s.channels);
        else
          from_rows(grad_rows_.data() + row * chunk_.width + s.start,
                    chunk_.width, to, at, pixels, s.channels);
      }
    });
  }

 private:
  int64_t line_width_;
  const Chunk& chunk_;
  LineRing ring_;
  Image<const T> x_;
  Image<T> grad_x_;
  std::vector<T> x_rows_, grad_rows_;
};

}  // namespace

template <typename T>
void dense_forward(const Geometry& g, const DenseChunk& part,
                   const std::vector<Offsets<T>>& offsets, const T* x,
                   const LineMap& map, const T* packed, const T* bias,
                   int64_t first, int64_t last, const Image<T>& out) {
  const int64_t outs = round_up(part.outs, kLanes<T>);
  std::vector<T> columns(kBand * part.stride);
  std::vector<T> out_rows(kBand * outs);
  const Rows<const T> rows{x, part.chunk.width};
  for (; first < last; first += kBand) {
    const Band band{first, std::min(kBand, last - first), part.cells,
                    part.chunk.width, part.stride};
    columns_forward<T>(g, part.chunk.segments, offsets, rows, map, band,
                       columns.data());
    multiply<T>(band.count, outs, part.stride, {columns.data(), part.stride, 1},
                panels_of(packed, part.stride), out_rows.data(), outs, false);
    if (bias)
      add_bias(bias + part.first_out, band.count, outs, part.outs,
               out_rows.data());
    from_rows(out_rows.data(), outs, from_channel(out, part.first_out), first,
              band.count, part.outs);
  }
}

template <typename T>
void dense_backward(const Geometry& g, const DenseChunk& part,
                    const std::vector<Lines>& windows,
                    const std::vector<Offsets<T>>& offsets,
                    const Image<const T>& x, const T* packed,
                    const Image<const T>& grad_out, const Image<T>& grad_x,
                    T* grad_packed,
                    const std::vector<OffsetGrads<T>>& grads) {
  LineRows<T> rows(g, part.chunk, windows, x, grad_x);
  std::vector<T> columns(kBand * part.stride);
  std::vector<T> grad_columns(columns.size());
  std::vector<T> out_rows(kBand * part.outs);
  const Panels<T> panels{columns.data(), part.stride, kPanelWidth<T>};
  for (int64_t first = 0; first < g.out_pixels(); first += kBand) {
    const Band band{first, std::min(kBand, g.out_pixels() - first),
                    part.cells, part.chunk.width, part.stride};
    rows.move_to(windows[first / kBand]);
    to_rows(from_channel(grad_out, part.first_out), first, band.count,
            part.outs, part.outs, part.outs, out_rows.data());
    multiply<T>(band.count, part.stride, part.outs,
                {out_rows.data(), part.outs, 1}, panels_of(packed, part.outs),
                grad_columns.data(), part.stride, false);
    columns_backward<T>(g, part.chunk.segments, offsets, rows.x(), rows.map(),
                        band, grad_columns.data(), columns.data(),
                        rows.grad(), grads);
    multiply<T>(part.outs, part.stride, band.count,
                {out_rows.data(), 1, part.outs}, panels, grad_packed,
                part.stride, true);
  }
  rows.put(g.height);
}

#define DKSAN_INSTANTIATE(T)                                                 \
  template void dense_forward<T>(                                            \
      const Geometry&, const DenseChunk&, const std::vector<Offsets<T>>&,    \
      const T*, const LineMap&, const T*, const T*, int64_t, int64_t,        \
      const Image<T>&);                                                      \
  template void dense_backward<T>(                                           \
      const Geometry&, const DenseChunk&, const std::vector<Lines>&,         \
      const std::vector<Offsets<T>>&, const Image<const T>&, const T*,       \
      const Image<const T>&, const Image<T>&, T*,                            \
      const std::vector<OffsetGrads<T>>&);
DKSAN_INSTANTIATE(float)
DKSAN_INSTANTIATE(double)

}  // namespace dksan
