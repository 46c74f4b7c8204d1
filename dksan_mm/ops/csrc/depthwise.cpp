// Copyright (c) DKSAN-MM contributors.
#include "depthwise.h"

#include <vector>

#include "vec.h"

namespace dksan {
namespace {

// The four scope rows that a tap may read, from the upper left one on. A
// scope of one cell has no neighbours: all four are the same row.
struct ScopeSteps {
  int64_t right, down;
};

inline ScopeSteps scope_steps(const Geometry& g, int64_t width) {
  const bool single = g.scope == 1;
  return {single ? 0 : width, single ? 0 : g.scope * width};
}

template <typename T>
struct TapTile {
  std::vector<ImageTap<T>> image;
  std::vector<ScopeTap<T>> scope;
  T none[kTile] = {};

  explicit TapTile(const Geometry& g) : image(g.taps()), scope(g.taps()) {}

  void locate(const Geometry& g, const Offsets<T>& offsets, int64_t first,
              int count) {
    const Corners<T> corners(g, first, count);
    const int64_t pixels = g.out_pixels();
    for (int64_t k = 0; k < g.taps(); ++k) {
      const T* dy = offsets.image + 2 * k * pixels + first;
      if (offsets.image)
        locate_image(g, k, corners, dy, dy + pixels, count, image[k]);
      else
        locate_image(g, k, corners, none, none, count, image[k]);
      const T* ky = offsets.kernel + 2 * k * pixels + first;
      if (offsets.kernel)
        locate_scope(g, k, ky, ky + pixels, count, scope[k]);
    }
  }
};

template <typename T, int V, bool kKernel>
inline void forward_pixel(const Geometry& g, const TapTile<T>& tile, int p,
                          const T* mask, const T* x, const T* table, T* out) {
  constexpr int kWidth = V * kLanes<T>;
  const ScopeSteps step = scope_steps(g, kWidth);
  const int64_t taps = g.taps(), pixels = g.out_pixels();
  Vec<T> sum[V] = {};
  for (int64_t k = 0; k < taps; ++k) {
    const ImageTap<T>& at = tile.image[k];
    const T* x0 = x + int64_t{at.row[0][p]} * kWidth;
    const T* x1 = x + int64_t{at.row[1][p]} * kWidth;
    const T* x2 = x + int64_t{at.row[2][p]} * kWidth;
    const T* x3 = x + int64_t{at.row[3][p]} * kWidth;
    const T m = mask ? mask[k * pixels] : T(1);
    const T a0 = at.weight[0][p] * m, a1 = at.weight[1][p] * m;
    const T a2 = at.weight[2][p] * m, a3 = at.weight[3][p] * m;
    const ScopeTap<T>& cell = tile.scope[k];
    const T* w0 = table + (kKernel ? cell.cell[p] : k) * kWidth;
    const T* w2 = w0 + step.down;
    const T b0 = kKernel ? cell.weight[0][p] : T(1);
    const T b1 = kKernel ? cell.weight[1][p] : T(0);
    const T b2 = kKernel ? cell.weight[2][p] : T(0);
    const T b3 = kKernel ? cell.weight[3][p] : T(0);
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const int c = v * kLanes<T>;
      const Vec<T> value = a0 * load(x0 + c) + a1 * load(x1 + c) +
                           a2 * load(x2 + c) + a3 * load(x3 + c);
      Vec<T> weight = load(w0 + c);
      if (kKernel)
        weight = b0 * weight + b1 * load(w0 + step.right + c) +
                 b2 * load(w2 + c) + b3 * load(w2 + step.right + c);
      sum[v] += value * weight;
    }
  }
  for (int v = 0; v < V; ++v) store(out + v * kLanes<T>, sum[v]);
}

// Gradients of one tile, kTile values for each of dy, dx, dky, dkx, mask.
template <typename T>
struct GradTile {
  T value[5][kTile];
};

template <typename T>
inline __attribute__((always_inline)) void add_to(T* p, Vec<T> v) {
  store(p, load<T>(p) + v);
}

template <typename T, int V, bool kKernel>
inline void backward_tap(const Geometry& g, const TapTile<T>& tile, int64_t k,
                         int p, T m, const T* x, const T* table,
                         const T* grad_out, T* grad_x, T* grad_table,
                         GradTile<T>& grads) {
  constexpr int kWidth = V * kLanes<T>;
  const ScopeSteps step = scope_steps(g, kWidth);
  const ImageTap<T>& at = tile.image[k];
  const ScopeTap<T>& cell = tile.scope[k];
  const int64_t i0 = int64_t{at.row[0][p]} * kWidth;
  const int64_t i1 = int64_t{at.row[1][p]} * kWidth;
  const int64_t i2 = int64_t{at.row[2][p]} * kWidth;
  const int64_t i3 = int64_t{at.row[3][p]} * kWidth;
  const int64_t j0 = (kKernel ? int64_t{cell.cell[p]} : k) * kWidth;
  const int64_t j1 = j0 + step.right, j2 = j0 + step.down;
  const int64_t j3 = j2 + step.right;
  const T a0 = at.weight[0][p], a1 = at.weight[1][p];
  const T a2 = at.weight[2][p], a3 = at.weight[3][p];
  const T b0 = cell.weight[0][p], b1 = cell.weight[1][p];
  const T b2 = cell.weight[2][p], b3 = cell.weight[3][p];
  const T fy = at.fy[p], fx = at.fx[p];
  const T ky = cell.fy[p], kx = cell.fx[p];
  Vec<T> sum_y{}, sum_x{}, sum_ky{}, sum_kx{}, sum_m{};
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    const int c = v * kLanes<T>;
    const Vec<T> x0 = load(x + i0 + c), x2 = load(x + i2 + c);
    const Vec<T> top = load(x + i1 + c) - x0;
    const Vec<T> bottom = load(x + i3 + c) - x2;
    const Vec<T> upper = x0 + fx * top;
    const Vec<T> slope = x2 + fx * bottom - upper;
    const Vec<T> value = upper + fy * slope;
    const Vec<T> grad = load(grad_out + c);
    const Vec<T> to_weight = m * grad * value;
    Vec<T> weight = load(table + j0 + c);
    if (kKernel) {
      const Vec<T> w2 = load(table + j2 + c);
      const Vec<T> w_top = load(table + j1 + c) - weight;
      const Vec<T> w_bottom = load(table + j3 + c) - w2;
      const Vec<T> w_upper = weight + kx * w_top;
      const Vec<T> w_slope = w2 + kx * w_bottom - w_upper;
      weight = w_upper + ky * w_slope;
      sum_ky += to_weight * w_slope;
      sum_kx += to_weight * (w_top + ky * (w_bottom - w_top));
      add_to(grad_table + j0 + c, b0 * to_weight);
      add_to(grad_table + j1 + c, b1 * to_weight);
      add_to(grad_table + j2 + c, b2 * to_weight);
      add_to(grad_table + j3 + c, b3 * to_weight);
    } else {
      add_to(grad_table + j0 + c, to_weight);
    }
    const Vec<T> product = grad * weight;
    const Vec<T> to_x = m * product;
    sum_m += product * value;
    sum_y += to_x * slope;
    sum_x += to_x * (top + fy * (bottom - top));
    add_to(grad_x + i0 + c, a0 * to_x);
    add_to(grad_x + i1 + c, a1 * to_x);
    add_to(grad_x + i2 + c, a2 * to_x);
    add_to(grad_x + i3 + c, a3 * to_x);
  }
  grads.value[0][p] = sum_lanes<T>(sum_y);
  grads.value[1][p] = sum_lanes<T>(sum_x);
  if (kKernel) {
    grads.value[2][p] = sum_lanes<T>(sum_ky) * cell.free_y[p];
    grads.value[3][p] = sum_lanes<T>(sum_kx) * cell.free_x[p];
  }
  grads.value[4][p] = sum_lanes<T>(sum_m);
}

// Copies one tile's gradients of a tap where they belong.
template <typename T>
void write_grads(const GradTile<T>& from, int64_t k, int64_t pixels,
                 int64_t first, int count, const OffsetGrads<T>& to) {
  auto copy = [&](int value, T* target) {
    std::copy_n(from.value[value], count, target + first);
  };
  for (int axis = 0; axis < 2; ++axis) {
    if (to.image) copy(axis, to.image + (2 * k + axis) * pixels);
    if (to.kernel) copy(2 + axis, to.kernel + (2 * k + axis) * pixels);
  }
  if (to.mask) copy(4, to.mask + k * pixels);
}

// The rows of one chunk of an image, and a row of zeros for what lies
// outside it.
template <typename T>
std::vector<T> image_rows(const Geometry& g, const Image<const T>& x,
                          const Chunk& chunk, int64_t width) {
  std::vector<T> rows((g.in_pixels() + 1) * width);
  to_rows(x, 0, g.in_pixels(), chunk.channels, width, rows.data());
  return rows;
}

template <typename T, int V, bool kKernel>
void forward_chunk(const Geometry& g, const Chunk& chunk,
                   const Offsets<T>& offsets, const Image<const T>& x,
                   const T* table, const Image<T>& out) {
  constexpr int kWidth = V * kLanes<T>;
  const std::vector<T> rows = image_rows(g, x, chunk, kWidth);
  TapTile<T> tile(g);
  T out_rows[kTile * kWidth];
  for (int64_t first = 0; first < g.out_pixels(); first += kTile) {
    const int count = std::min<int64_t>(kTile, g.out_pixels() - first);
    tile.locate(g, offsets, first, count);
    for (int p = 0; p < count; ++p) {
      const T* mask = offsets.mask ? offsets.mask + first + p : nullptr;
      forward_pixel<T, V, kKernel>(g, tile, p, mask, rows.data(), table,
                                   out_rows + p * kWidth);
    }
    from_rows(out_rows, kWidth, out, first, count, chunk.channels);
  }
}

template <typename T, int V, bool kKernel>
void backward_chunk(const Geometry& g, const Chunk& chunk,
                    const Offsets<T>& offsets, const Image<const T>& x,
                    const T* table, const Image<const T>& grad_out,
                    const Image<T>& grad_x, T* grad_table,
                    const OffsetGrads<T>& grads) {
  constexpr int kWidth = V * kLanes<T>;
  const int64_t pixels = g.out_pixels();
  const std::vector<T> rows = image_rows(g, x, chunk, kWidth);
  std::vector<T> grad_rows((g.in_pixels() + 1) * kWidth);
  TapTile<T> tile(g);
  std::vector<GradTile<T>> tile_grads(g.taps());
  T out_rows[kTile * kWidth];
  for (int64_t first = 0; first < pixels; first += kTile) {
    const int count = std::min<int64_t>(kTile, pixels - first);
    tile.locate(g, offsets, first, count);
    to_rows(grad_out, first, count, chunk.channels, kWidth, out_rows);
    for (int p = 0; p < count; ++p)
      for (int64_t k = 0; k < g.taps(); ++k) {
        const T m =
            offsets.mask ? offsets.mask[k * pixels + first + p] : T(1);
        backward_tap<T, V, kKernel>(g, tile, k, p, m, rows.data(), table,
                                    out_rows + p * kWidth, grad_rows.data(),
                                    grad_table, tile_grads[k]);
      }
    for (int64_t k = 0; k < g.taps(); ++k)
      write_grads(tile_grads[k], k, pixels, first, count, grads);
  }
  from_rows(grad_rows.data(), kWidth, grad_x, 0, g.in_pixels(),
            chunk.channels);
}

}  // namespace

template <typename T>
void depthwise_forward(const Geometry& g, const Chunk& chunk,
                       const Offsets<T>& offsets, const Image<const T>& x,
                       const T* table, const Image<T>& out) {
  using Run = void (*)(const Geometry&, const Chunk&, const Offsets<T>&,
                       const Image<const T>&, const T*, const Image<T>&);
  const Run run[3][2] = {{forward_chunk<T, 1, false>, forward_chunk<T, 1, true>},
                         {forward_chunk<T, 2, false>, forward_chunk<T, 2, true>},
                         {forward_chunk<T, 4, false>, forward_chunk<T, 4, true>}};
  run[chunk.vectors / 2][offsets.kernel != nullptr](g, chunk, offsets, x,
                                                    table, out);
}

template <typename T>
void depthwise_backward(const Geometry& g, const Chunk& chunk,
                        const Offsets<T>& offsets, const Image<const T>& x,
                        const T* table, const Image<const T>& grad_out,
                        const Image<T>& grad_x, T* grad_table,
                        const OffsetGrads<T>& grads) {
  using Run = void (*)(const Geometry&, const Chunk&, const Offsets<T>&,
                       const Image<const T>&, const T*, const Image<const T>&,
                       const Image<T>&, T*, const OffsetGrads<T>&);
  const Run run[3][2] = {
      {backward_chunk<T, 1, false>, backward_chunk<T, 1, true>},
      {backward_chunk<T, 2, false>, backward_chunk<T, 2, true>},
      {backward_chunk<T, 4, false>, backward_chunk<T, 4, true>}};
  run[chunk.vectors / 2][offsets.kernel != nullptr](
      g, chunk, offsets, x, table, grad_out, grad_x, grad_table, grads);
}

template void depthwise_forward<float>(const Geometry&, const Chunk&,
                                       const Offsets<float>&,
                                       const Image<const float>&, const float*,
                                       const Image<float>&);
template void depthwise_forward<double>(const Geometry&, const Chunk&,
                                        const Offsets<double>&,
                                        const Image<const double>&,
                                        const double*, const Image<double>&);
template void depthwise_backward<float>(
    const Geometry&, const Chunk&, const Offsets<float>&,
    const Image<const float>&, const float*, const Image<const float>&,
    const Image<float>&, float*, const OffsetGrads<float>&);
template void depthwise_backward<double>(
    const Geometry&, const Chunk&, const Offsets<double>&,
    const Image<const double>&, const double*, const Image<const double>&,
    const Image<double>&, double*, const OffsetGrads<double>&);

}  // namespace dksan
