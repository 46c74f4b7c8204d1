// Copyright (c) DKSAN-MM contributors.
// Taps of a tile, and the gradients of one of them.
#pragma once

#include <algorithm>
#include <vector>

#include "layout.h"
#include "taps.h"
#include "vec.h"

namespace dksan {

// Taps of a tile of output pixels of one image, for one offset group.
template <typename T>
struct TapTile {
  std::vector<ImageTap<T>> image;
  std::vector<ScopeTap<T>> scope;

  explicit TapTile(const Geometry& g) : image(g.taps()), scope(g.taps()) {}

  // `skip`: index of the tile's first pixel in the planes of `offsets`.
  void locate(const Geometry& g, const LineMap& map,
              const Offsets<T>& offsets, int64_t skip, int64_t first,
              int count) {
    static constexpr T kNone[kTile] = {};
    const Corners<T> corners(g, first, count);
    const int64_t plane = offsets.plane;
    for (int64_t k = 0; k < g.taps(); ++k) {
      const int64_t at = 2 * k * plane + skip;
      const T* dy = offsets.image ? offsets.image + at : kNone;
      const T* dx = offsets.image ? dy + plane : kNone;
      locate_image(g, map, k, corners, dy, dx, count, image[k]);
      if (!offsets.kernel) continue;
      const T* ky = offsets.kernel + at;
      locate_scope(g, k, ky, ky + plane, count, scope[k]);
    }
  }
};

// Distances from a tap's first scope cell to the other three. A scope of one
// cell has no neighbours: all four are the same cell.
struct CellSteps {
  int64_t right, down;

  CellSteps(const Geometry& g, int64_t stride)
      : right(g.scope == 1 ? 0 : stride),
        down(g.scope == 1 ? 0 : g.scope * stride) {}
};

// Gradients of one tap's dy, dx, dky, dkx and mask over a tile.
template <typename T>
struct GradTile {
  T value[5][kTile];
};

template <typename T>
void write_grads(const GradTile<T>& from, int64_t k, int64_t pixels,
                 int64_t first, int count, const OffsetGrads<T>& to) {
  const auto copy = [&](int value, T* target) {
    std::copy_n(from.value[value], count, target + first);
  };
  for (int axis = 0; axis < 2; ++axis) {
    if (to.image) copy(axis, to.image + (2 * k + axis) * pixels);
    if (to.kernel) copy(2 + axis, to.kernel + (2 * k + axis) * pixels);
  }
  if (to.mask) copy(4, to.mask + k * pixels);
}

// Gradients of a block of output pixels. Those of a plane are written together:
// if a tile of each plane were written in turn, planes at distances of a power
// of two would evict each other from the cache.
template <typename T>
class GradBlock {
 public:
  GradBlock(const Geometry& g, int64_t pixels)
      : pixels_(g.out_pixels()), stride_(pixels + 16) {
    for (int i = 0; i < 3; ++i) {
      planes_[i] = (i < 2 ? 2 : 1) * g.taps();
      data_[i].resize(planes_[i] * stride_);
    }
  }

  // `skip`: number of pixels of the block before this tile.
  void add(const GradTile<T>& from, int64_t k, int64_t skip, int count,
           const OffsetGrads<T>& to) {
    write_grads(from, k, stride_, skip, count,
                {to.image ? data_[0].data() : nullptr,
                 to.kernel ? data_[1].data() : nullptr,
                 to.mask ? data_[2].data() : nullptr});
  }

  void write(int64_t first, int64_t count, const OffsetGrads<T>& to) const {
    T* const targets[3] = {to.image, to.kernel, to.mask};
    for (int i = 0; i < 3; ++i)
      for (int64_t plane = 0; targets[i] && plane < planes_[i]; ++plane)
        std::copy_n(data_[i].data() + plane * stride_, count,
                    targets[i] + plane * pixels_ + first);
  }

 private:
  int64_t pixels_, stride_;
  int64_t planes_[3];
  std::vector<T> data_[3];
};

// Processes one tap of one pixel. The output is sum_c grad_c * m * value_c *
// weight_c, with m from `mask` (null: 1). Value and weight are interpolated
// bilinearly from `x` and `cells`, to whose gradients this adds. In the dense
// form, `cells` contains the gradients of the columns, and there is no
// `grad_out`.
template <typename T, int L, int V, bool kKernel, bool kDense>
DKSAN_INLINE void backward_tap(const CellSteps& step, const TapTile<T>& tile,
                               int64_t k, int p, const T* mask,
                               const Rows<const T>& x, const T* cells,
                               int64_t cell_stride, const T* grad_out,
                               const Rows<T>& grad_x, T* grad_cells,
                               GradTile<T>& grads) {
  using Vector = Vec<T, L>;
  const ImageTap<T>& at = tile.image[k];
  const ScopeTap<T>& cell = tile.scope[k];
  const int64_t r0 = at.row[0][p], r1 = at.row[1][p];
  const int64_t r2 = at.row[2][p], r3 = at.row[3][p];
  const T *x0 = x.data + r0 * x.stride, *x1 = x.data + r1 * x.stride;
  const T *x2 = x.data + r2 * x.stride, *x3 = x.data + r3 * x.stride;
  T *g0 = grad_x.data + r0 * grad_x.stride;
  T *g1 = grad_x.data + r1 * grad_x.stride;
  T *g2 = grad_x.data + r2 * grad_x.stride;
  T *g3 = grad_x.data + r3 * grad_x.stride;
  const int64_t j0 = (kKernel ? int64_t{cell.cell[p]} : k) * cell_stride;
  const int64_t j1 = j0 + step.right, j2 = j0 + step.down;
  const int64_t j3 = j2 + step.right;
  const T a0 = at.weight[0][p], a1 = at.weight[1][p];
  const T a2 = at.weight[2][p], a3 = at.weight[3][p];
  const T b0 = cell.weight[0][p], b1 = cell.weight[1][p];
  const T b2 = cell.weight[2][p], b3 = cell.weight[3][p];
  const T fy = at.fy[p], fx = at.fx[p], ky = cell.fy[p], kx = cell.fx[p];
  const T m = mask ? *mask : T(1);
  Vector sum_y{}, sum_x{}, sum_ky{}, sum_kx{}, sum_m{};
#pragma GCC unroll 4
  for (int c = 0; c < V * L; c += L) {
    const Vector v0 = load<L>(x0 + c), v2 = load<L>(x2 + c);
    const Vector top = load<L>(x1 + c) - v0;
    const Vector bottom = load<L>(x3 + c) - v2;
    const Vector upper = v0 + fx * top;
    const Vector slope = v2 + fx * bottom - upper;
    const Vector value = upper + fy * slope;
    Vector to_weight = m * value;
    if constexpr (!kDense) to_weight *= load<L>(grad_out + c);
    Vector weight = load<L>(cells + j0 + c);
    if constexpr (kKernel) {
      const Vector w2 = load<L>(cells + j2 + c);
      const Vector w_top = load<L>(cells + j1 + c) - weight;
      const Vector w_bottom = load<L>(cells + j3 + c) - w2;
      const Vector w_upper = weight + kx * w_top;
      const Vector w_slope = w2 + kx * w_bottom - w_upper;
      weight = w_upper + ky * w_slope;
      sum_ky += to_weight * w_slope;
      sum_kx += to_weight * (w_top + ky * (w_bottom - w_top));
      add_to<L>(grad_cells + j0 + c, b0 * to_weight);
      add_to<L>(grad_cells + j1 + c, b1 * to_weight);
      add_to<L>(grad_cells + j2 + c, b2 * to_weight);
      add_to<L>(grad_cells + j3 + c, b3 * to_weight);
    } else if constexpr (kDense) {
      store(grad_cells + j0 + c, to_weight);
    } else {
      add_to<L>(grad_cells + j0 + c, to_weight);
    }
    if constexpr (!kDense) weight *= load<L>(grad_out + c);
    const Vector to_x = m * weight;
    sum_m += weight * value;
    sum_y += to_x * slope;
    sum_x += to_x * (top + fy * (bottom - top));
    add_to<L>(g0 + c, a0 * to_x);
    add_to<L>(g1 + c, a1 * to_x);
    add_to<L>(g2 + c, a2 * to_x);
    add_to<L>(g3 + c, a3 * to_x);
  }
  T sums[4];
  if constexpr (kKernel) {
    sum_lanes_of_four<T, L>(sum_y, sum_x, sum_ky, sum_kx, sums);
    grads.value[2][p] = sums[2] * cell.free_y[p];
    grads.value[3][p] = sums[3] * cell.free_x[p];
    if (mask) grads.value[4][p] = sum_lanes<T, L>(sum_m);
  } else {
    sum_lanes_of_four<T, L>(sum_y, sum_x, sum_m, sum_m, sums);
    grads.value[4][p] = sums[2];
  }
  grads.value[0][p] = sums[0];
  grads.value[1][p] = sums[1];
}

}  // namespace dksan
