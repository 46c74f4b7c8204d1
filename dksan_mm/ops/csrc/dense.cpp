// Copyright (c) DKSAN-MM contributors.
#include "dense.h"

#include <algorithm>

namespace dksan {
namespace {

// Output pixels of a band: with 128 channels and 9 cells its columns take
// less than half a megabyte. Whole tiles, and whole blocks of rows.
constexpr int64_t kBand = 96;
static_assert(kBand % kTile == 0 && kBand % kBlockRows == 0);

template <typename T>
Panels<T> panels_of(const T* packed, int64_t rows) {
  return {packed, kPanelWidth<T>, rows * kPanelWidth<T>};
}

}  // namespace

template <typename T>
void dense_forward(const Geometry& g, const DenseChunk& part,
                   const std::vector<Offsets<T>>& offsets,
                   const Rows<const T>& x, const T* packed, int64_t first,
                   int64_t last, const Image<T>& out) {
  const int64_t outs = round_up(part.outs, kLanes<T>);
  std::vector<T> columns(kBand * part.stride);
  std::vector<T> out_rows(kBand * outs);
  const Rows<const T> rows{x.data + part.chunk.start, x.stride};
  for (; first < last; first += kBand) {
    const Band band{first, std::min(kBand, last - first), part.cells,
                    part.chunk.width, part.stride};
    columns_forward<T>(g, part.chunk.segments, offsets, rows, band,
                       columns.data());
    multiply<T>(band.count, outs, part.stride, {columns.data(), part.stride, 1},
                panels_of(packed, part.stride), out_rows.data(), outs, false);
    from_rows(out_rows.data(), outs, from_channel(out, part.first_out), first,
              band.count, part.outs);
  }
}

template <typename T>
void dense_backward(const Geometry& g, const DenseChunk& part,
                    const std::vector<Offsets<T>>& offsets,
                    const Image<const T>& x, const T* packed,
                    const Image<const T>& grad_out, const Image<T>& grad_x,
                    T* grad_packed,
                    const std::vector<OffsetGrads<T>>& grads) {
  const int64_t width = part.chunk.width, pixels = g.in_pixels();
  std::vector<T> x_rows((pixels + 1) * width), grad_rows(x_rows.size());
  for (const Segment& s : part.chunk.segments)
    to_rows(from_channel(x, s.channel), 0, pixels, s.channels, s.width, width,
            x_rows.data() + s.start);
  std::vector<T> columns(kBand * part.stride);
  std::vector<T> grad_columns(columns.size());
  std::vector<T> out_rows(kBand * part.outs);
  const Panels<T> panels{columns.data(), part.stride, kPanelWidth<T>};
  for (int64_t first = 0; first < g.out_pixels(); first += kBand) {
    const Band band{first, std::min(kBand, g.out_pixels() - first),
                    part.cells, width, part.stride};
    to_rows(from_channel(grad_out, part.first_out), first, band.count,
            part.outs, part.outs, part.outs, out_rows.data());
    multiply<T>(band.count, part.stride, part.outs,
                {out_rows.data(), part.outs, 1}, panels_of(packed, part.outs),
                grad_columns.data(), part.stride, false);
    columns_backward<T>(g, part.chunk.segments, offsets,
                        {x_rows.data(), width}, band, grad_columns.data(),
                        columns.data(), {grad_rows.data(), width}, grads);
    multiply<T>(part.outs, part.stride, band.count,
                {out_rows.data(), 1, part.outs}, panels, grad_packed,
                part.stride, true);
  }
  for (const Segment& s : part.chunk.segments)
    from_rows(grad_rows.data() + s.start, width,
              from_channel(grad_x, s.channel), 0, pixels, s.channels);
}

#define DKSAN_INSTANTIATE(T)                                                 \
  template void dense_forward<T>(                                            \
      const Geometry&, const DenseChunk&, const std::vector<Offsets<T>>&,    \
      const Rows<const T>&, const T*, int64_t, int64_t, const Image<T>&);    \
  template void dense_backward<T>(                                           \
      const Geometry&, const DenseChunk&, const std::vector<Offsets<T>>&,    \
      const Image<const T>&, const T*, const Image<const T>&,                \
      const Image<T>&, T*, const std::vector<OffsetGrads<T>>&);
DKSAN_INSTANTIATE(float)
DKSAN_INSTANTIATE(double)

}  // namespace dksan
