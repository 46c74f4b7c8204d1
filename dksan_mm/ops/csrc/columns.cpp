// Copyright (c) DKSAN-MM contributors.
#include "columns.h"

#include <algorithm>

namespace dksan {
namespace {

// Tile of a band; `skip` pixels of the band are before it.
struct Part {
  int64_t skip;
  int count;
};

template <typename T, int L, int V, bool kKernel>
void forward_tile(const Geometry& g, const TapTile<T>& tile, const T* mask,
                  const Rows<const T>& x, const Band& band, const Part& part,
                  T* columns) {
  const CellSteps step(g, band.width);
  const int64_t taps = g.taps(), pixels = g.out_pixels();
  for (int p = 0; p < part.count; ++p) {
    T* column = columns + (part.skip + p) * band.stride;
    for (int64_t k = 0; k < taps; ++k) {
      const ImageTap<T>& at = tile.image[k];
      const T* x0 = x.data + at.row[0][p] * x.stride;
      const T* x1 = x.data + at.row[1][p] * x.stride;
      const T* x2 = x.data + at.row[2][p] * x.stride;
      const T* x3 = x.data + at.row[3][p] * x.stride;
      const T m =
          mask ? mask[k * pixels + band.first + part.skip + p] : T(1);
      const T a0 = at.weight[0][p] * m, a1 = at.weight[1][p] * m;
      const T a2 = at.weight[2][p] * m, a3 = at.weight[3][p] * m;
      const ScopeTap<T>& cell = tile.scope[k];
      T* to0 = column + (kKernel ? int64_t{cell.cell[p]} : k) * band.width;
      T *to1 = to0 + step.right, *to2 = to0 + step.down;
      T* to3 = to2 + step.right;
#pragma GCC unroll 4
      for (int c = 0; c < V * L; c += L) {
        const Vec<T, L> value =
            a0 * load<L>(x0 + c) + a1 * load<L>(x1 + c) +
            a2 * load<L>(x2 + c) + a3 * load<L>(x3 + c);
        if constexpr (kKernel) {
          add_to<L>(to0 + c, cell.weight[0][p] * value);
          add_to<L>(to1 + c, cell.weight[1][p] * value);
          add_to<L>(to2 + c, cell.weight[2][p] * value);
          add_to<L>(to3 + c, cell.weight[3][p] * value);
        } else {
          store(to0 + c, value);
        }
      }
    }
  }
}

template <typename T, int L, int V, bool kKernel>
void backward_tile(const Geometry& g, const TapTile<T>& tile, const T* mask,
                   const Rows<const T>& x, const Band& band, const Part& part,
                   const T* grad_columns, T* columns, const Rows<T>& grad_x,
                   std::vector<GradTile<T>>& grads) {
  const CellSteps step(g, band.width);
  const int64_t taps = g.taps(), pixels = g.out_pixels();
  for (int p = 0; p < part.count; ++p) {
    const int64_t column = (part.skip + p) * band.stride;
    for (int64_t k = 0; k < taps; ++k) {
      const T* m =
          mask ? mask + k * pixels + band.first + part.skip + p : nullptr;
      backward_tap<T, L, V, kKernel, true>(
          step, tile, k, p, m, x, grad_columns + column, band.width, nullptr,
          grad_x, columns + column, grads[k]);
    }
  }
}

// Calls run(segment number, tile, part) for all tiles of a band. Taps are
// located once for all segments with the same offsets.
template <typename T, typename Run>
void for_tiles(const Geometry& g, const std::vector<Segment>& segments,
               const std::vector<Offsets<T>>& offsets, const LineMap& map,
               const Band& band, const Run& run) {
  TapTile<T> tile(g);
  for (int64_t skip = 0; skip < band.count; skip += kTile) {
    const Part part{skip, static_cast<int>(std::min<int64_t>(
                              kTile, band.count - skip))};
    int64_t located = -1;
    for (size_t s = 0; s < segments.size(); ++s) {
      const int64_t group = segments[s].offset_group;
      if (group != located)
        tile.locate(g, map, offsets[group], band.first + skip,
                    band.first + skip, part.count);
      located = group;
      run(s, tile, part);
    }
  }
}

}  // namespace

template <typename T>
void columns_forward(const Geometry& g, const std::vector<Segment>& segments,
                     const std::vector<Offsets<T>>& offsets,
                     const Rows<const T>& x, const LineMap& map,
                     const Band& band, T* columns) {
  const bool kernel = offsets[0].kernel != nullptr;
  if (kernel)
    std::fill_n(columns, band.count * band.stride, T(0));
  for_tiles(g, segments, offsets, map, band,
            [&](size_t s, const TapTile<T>& tile, const Part& part) {
    const Segment& segment = segments[s];
    const T* mask = offsets[segment.offset_group].mask;
    const Rows<const T> from{x.data + segment.start, x.stride};
    with_width<T>(segment.width, [&](auto lanes, auto vectors) {
      constexpr int L = lanes(), V = vectors();
      const auto fill = kernel ? forward_tile<T, L, V, true>
                               : forward_tile<T, L, V, false>;
      fill(g, tile, mask, from, band, part, columns + segment.start);
    });
  });
}

template <typename T>
void columns_backward(const Geometry& g, const std::vector<Segment>& segments,
                      const std::vector<Offsets<T>>& offsets,
                      const Rows<const T>& x, const LineMap& map,
                      const Band& band, const T* grad_columns, T* columns,
                      const Rows<T>& grad_x,
                      const std::vector<OffsetGrads<T>>& grads) {
  const bool kernel = offsets[0].kernel != nullptr;
  if (kernel)
    std::fill_n(columns, band.count * band.stride, T(0));
  std::vector<GradTile<T>> values(g.taps());
  for_tiles(g, segments, offsets, map, band,
            [&](size_t s, const TapTile<T>& tile, const Part& part) {
    const Segment& segment = segments[s];
    const int64_t start = segment.start;
    const T* mask = offsets[segment.offset_group].mask;
    const Rows<const T> from{x.data + start, x.stride};
    const Rows<T> to{grad_x.data + start, grad_x.stride};
    with_width<T>(segment.width, [&](auto lanes, auto vectors) {
      constexpr int L = lanes(), V = vectors();
      const auto run = kernel ? backward_tile<T, L, V, true>
                              : backward_tile<T, L, V, false>;
      run(g, tile, mask, from, band, part, grad_columns + start,
          columns + start, to, values);
    });
    for (int64_t k = 0; k < g.taps(); ++k)
      write_grads(values[k], k, g.out_pixels(), band.first + part.skip,
                  part.count, grads[s]);
  });
}

#define DKSAN_INSTANTIATE(T)                                               \
  template void columns_forward<T>(                                        \
      const Geometry&, const std::vector<Segment>&,                        \
      const std::vector<Offsets<T>>&, const Rows<const T>&,                \
      const LineMap&, const Band&, T*);                                    \
  template void columns_backward<T>(                                       \
      const Geometry&, const std::vector<Segment>&,                        \
      const std::vector<Offsets<T>>&, const Rows<const T>&,                \
      const LineMap&, const Band&, const T*, T*, const Rows<T>&,           \
      const std::vector<OffsetGrads<T>>&);
DKSAN_INSTANTIATE(float)
DKSAN_INSTANTIATE(double)

}  // namespace dksan
