// Copyright (c) DKSAN-MM contributors.
#include "depthwise.h"

#include <memory>
#include <vector>

#include "backward_tap.h"
#include "vec.h"
#include "window.h"

namespace dksan {
namespace {

// Offsets and masks of a block of output pixels. Those of a plane are read
// together: a tile of each plane in turn would be more streams than the
// processor can prefetch.
template <typename T>
class OffsetBlock {
 public:
  OffsetBlock(const Geometry& g, const Offsets<T>& from, int64_t first,
              int64_t count)
      : count_(count),
        stride_(count + 16),
        data_(new T[5 * g.taps() * stride_]),  // not filled with zeros
        next_(data_.get()) {
    at_.image = copy(from.image, 2 * g.taps(), from.plane, first);
    at_.kernel = copy(from.kernel, 2 * g.taps(), from.plane, first);
    at_.mask = copy(from.mask, g.taps(), from.plane, first);
    at_.plane = stride_;
  }

  const Offsets<T>& operator*() const { return at_; }

 private:
  const T* copy(const T* from, int64_t planes, int64_t plane, int64_t first) {
    if (!from) return nullptr;
    const T* start = next_;
    for (int64_t i = 0; i < planes; ++i, next_ += stride_)
      std::copy_n(from + i * plane + first, count_, next_);
    return start;
  }

  int64_t count_, stride_;
  std::unique_ptr<T[]> data_;
  T* next_;
  Offsets<T> at_;
};

// Computes one pixel. `mask`: that of the first tap, or null; that of the next
// tap is `plane` numbers later.
template <typename T, int L, int V, bool kKernel>
DKSAN_INLINE void forward_pixel(const Geometry& g, const CellSteps& step,
                                const TapTile<T>& tile, int p, const T* mask,
                                int64_t plane, const T* x, const T* table,
                                T* out) {
  constexpr int64_t kWidth = V * L;
  Vec<T, L> sum[V] = {};
  for (int64_t k = 0; k < g.taps(); ++k) {
    const ImageTap<T>& at = tile.image[k];
    const T* x0 = x + at.row[0][p] * kWidth;
    const T* x1 = x + at.row[1][p] * kWidth;
    const T* x2 = x + at.row[2][p] * kWidth;
    const T* x3 = x + at.row[3][p] * kWidth;
    const T m = mask ? mask[k * plane] : T(1);
    const T a0 = at.weight[0][p] * m, a1 = at.weight[1][p] * m;
    const T a2 = at.weight[2][p] * m, a3 = at.weight[3][p] * m;
    const ScopeTap<T>& cell = tile.scope[k];
    const T* w0 = table + (kKernel ? int64_t{cell.cell[p]} : k) * kWidth;
    const T *w1 = w0 + step.right, *w2 = w0 + step.down;
    const T* w3 = w2 + step.right;
    const T b0 = cell.weight[0][p], b1 = cell.weight[1][p];
    const T b2 = cell.weight[2][p], b3 = cell.weight[3][p];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const int c = v * L;
      const Vec<T, L> value = a0 * load<L>(x0 + c) + a1 * load<L>(x1 + c) +
                              a2 * load<L>(x2 + c) + a3 * load<L>(x3 + c);
      Vec<T, L> weight = load<L>(w0 + c);
      if constexpr (kKernel)
        weight = b0 * weight + b1 * load<L>(w1 + c) + b2 * load<L>(w2 + c) +
                 b3 * load<L>(w3 + c);
      sum[v] += value * weight;
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) store(out + v * L, sum[v]);
}

// Computes at most kBlockPixels pixels.
template <typename T, int L, int V, bool kKernel>
void forward(const Geometry& g, const Segment& segment,
             const Offsets<T>& offsets, const T* x, const LineMap& map,
             const T* table, int64_t first, int64_t last,
             const Image<T>& out) {
  constexpr int kWidth = V * L;
  const CellSteps step(g, kWidth);
  TapTile<T> tile(g);
  T rows[kTile * kWidth];
  const OffsetBlock<T> block(g, offsets, first, last - first);
  for (int64_t at = first; at < last; at += kTile) {
    const int count = std::min<int64_t>(kTile, last - at);
    const Offsets<T>& near = *block;
    tile.locate(g, map, near, at - first, at, count);
    for (int p = 0; p < count; ++p)
      forward_pixel<T, L, V, kKernel>(
          g, step, tile, p, near.mask ? near.mask + at - first + p : nullptr,
          near.plane, x, table, rows + p * kWidth);
    from_rows(rows, kWidth, out, at, count, segment.channels);
  }
}

// Stores the gradients of `lines`, or zeros if `rows` is null.
template <typename T>
void put_lines(const Geometry& g, const Strip& strip, const Lines& lines,
               const T* rows, const Segment& segment,
               const StripGrad<T>& grad) {
  const Lines before = strip.before(), after = strip.after();
  const auto put = [&](const Lines& part, const Image<T>& to, int64_t start) {
    const int64_t first = std::max(lines.first, part.first);
    const int64_t count = std::min(lines.last, part.last) - first;
    if (count <= 0) return;
    const int64_t at = (first - start) * g.width, pixels = count * g.width;
    if (rows)
      from_rows(rows + (first - lines.first) * g.width * segment.width,
                segment.width, to, at, pixels, segment.channels);
    else
      fill_zeros(to, at, pixels, segment.channels);
  };
  put(strip.own, grad.to, 0);
  put(before, grad.spill, before.first);
  put(after, grad.spill, after.first - strip.number_before());
}

template <typename T, int L, int V, bool kKernel>
void backward(const Geometry& g, const Segment& segment, const Strip& strip,
              const Offsets<T>& offsets, const Image<const T>& x,
              const T* table, const Image<const T>& grad_out,
              const StripGrad<T>& grad_x, T* grad_table,
              const OffsetGrads<T>& grads) {
  constexpr int kWidth = V * L;
  const int64_t pixels = g.out_pixels();
  LineRing ring(g, strip.windows);
  std::vector<T> x_rows((ring.rows() + 1) * kWidth);
  std::vector<T> grad_rows(x_rows.size());
  const Rows<const T> from{x_rows.data(), kWidth};
  const Rows<T> to{grad_rows.data(), kWidth};
  const CellSteps step(g, kWidth);
  TapTile<T> tile(g);
  std::vector<GradTile<T>> tile_grads(g.taps());
  GradBlock<T> block_grads(g, kBlockPixels);
  std::vector<T> out_rows(kBlockPixels * kWidth);
  const auto enter = [&](int64_t line, int64_t row, int64_t number) {
    to_rows(x, line * g.width, number * g.width, segment.channels, kWidth,
            kWidth, x_rows.data() + row * kWidth);
    std::fill_n(grad_rows.data() + row * kWidth, number * g.width * kWidth,
                T(0));
  };
  const auto leave = [&](int64_t line, int64_t row, int64_t number) {
    put_lines(g, strip, {line, line + number},
              row < 0 ? nullptr : grad_rows.data() + row * kWidth, segment,
              grad_x);
  };
  int64_t first = strip.first * kBlockPixels;
  for (const Lines& window : strip.windows) {
    ring.leave(window.first, leave);
    ring.enter(window, enter);
    const int64_t block = first;
    const int64_t last = std::min(first + kBlockPixels, pixels);
    to_rows(grad_out, first, last - first, segment.channels, kWidth, kWidth,
            out_rows.data());
    for (; first < last; first += kTile) {
      const int count = std::min<int64_t>(kTile, last - first);
      const int64_t skip = first - block;
      tile.locate(g, ring.map(), offsets, first, first, count);
      for (int p = 0; p < count; ++p)
        for (int64_t k = 0; k < g.taps(); ++k) {
          const T* mask =
              offsets.mask ? offsets.mask + k * pixels + first + p : nullptr;
          backward_tap<T, L, V, kKernel, false>(
              step, tile, k, p, mask, from, table, kWidth,
              out_rows.data() + (skip + p) * kWidth, to, grad_table,
              tile_grads[k]);
        }
      for (int64_t k = 0; k < g.taps(); ++k)
        block_grads.add(tile_grads[k], k, skip, count, grads);
    }
    block_grads.write(block, last - block, grads);
    first = last;
  }
  ring.leave(g.height, leave);
}

}  // namespace

template <typename T>
void depthwise_forward(const Geometry& g, const Segment& segment,
                       const Offsets<T>& offsets, const T* x,
                       const LineMap& map, const T* table, int64_t first,
                       int64_t last, const Image<T>& out) {
  with_width<T>(segment.width, [&](auto lanes, auto vectors) {
    constexpr int L = lanes(), V = vectors();
    const auto run =
        offsets.kernel ? forward<T, L, V, true> : forward<T, L, V, false>;
    run(g, segment, offsets, x, map, table, first, last, out);
  });
}

template <typename T>
void depthwise_backward(const Geometry& g, const Segment& segment,
                        const Strip& strip, const Offsets<T>& offsets,
                        const Image<const T>& x, const T* table,
                        const Image<const T>& grad_out,
                        const StripGrad<T>& grad_x, T* grad_table,
                        const OffsetGrads<T>& grads) {
  with_width<T>(segment.width, [&](auto lanes, auto vectors) {
    constexpr int L = lanes(), V = vectors();
    const auto run =
        offsets.kernel ? backward<T, L, V, true> : backward<T, L, V, false>;
    run(g, segment, strip, offsets, x, table, grad_out, grad_x, grad_table,
        grads);
  });
}

#define DKSAN_INSTANTIATE(T)                                               \
  template void depthwise_forward<T>(                                      \
      const Geometry&, const Segment&, const Offsets<T>&, const T*,        \
      const LineMap&, const T*, int64_t, int64_t, const Image<T>&);        \
  template void depthwise_backward<T>(                                     \
      const Geometry&, const Segment&, const Strip&, const Offsets<T>&,    \
      const Image<const T>&, const T*, const Image<const T>&,              \
      const StripGrad<T>&, T*, const OffsetGrads<T>&);
DKSAN_INSTANTIATE(float)
DKSAN_INSTANTIATE(double)

}  // namespace dksan
