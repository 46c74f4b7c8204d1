// Copyright (c) DKSAN-MM contributors.
// Positions at which the taps of a tile of output pixels read image and scope.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace dksan {

// Number of pixels whose taps are located in one vectorised loop.
constexpr int kTile = 32;

struct Geometry {
  int64_t height, width;          // of the input
  int64_t out_height, out_width;  // of the output
  int64_t kernel_y, kernel_x, stride_y, stride_x;
  int64_t padding_y, padding_x, dilation_y, dilation_x;
  int64_t scope;  // rows of stored weights
  // Samples at exactly -1 read zeros. The gradient of their offset is the
  // right-hand derivative (false) or 0 (true, as in mmcv).
  bool flat_edge;

  int64_t taps() const { return kernel_y * kernel_x; }
  int64_t in_pixels() const { return height * width; }
  int64_t out_pixels() const { return out_height * out_width; }
};

// Per-pixel inputs of one image, (channel, output pixel), or null. If `kernel`
// is null, the table has one row per tap instead of one per scope cell.
template <typename T>
struct Offsets {
  const T *image, *kernel, *mask;
  int64_t plane;  // distance between channels
};

// This chunk's share of their gradients; null for unneeded ones.
template <typename T>
struct OffsetGrads {
  T *image, *kernel, *mask;
};

// Positions of an image's lines in a buffer of rows, which hold the channels of
// one pixel each. Line y begins at row (y & mask) * width. Row `outside`
// contains zeros and is read outside the image.
struct LineMap {
  int32_t mask, outside;
};

inline LineMap all_lines(const Geometry& g) {
  return {-1, static_cast<int32_t>(g.in_pixels())};
}

// Indices of the four rows and their bilinear weights.
template <typename T>
struct ImageTap {
  int32_t row[4][kTile];
  T weight[4][kTile];
  T fy[kTile], fx[kTile];
};

// Upper left of four scope cells, their bilinear weights, and 1 if the
// coordinate was not clamped, else 0, for which there is no gradient.
template <typename T>
struct ScopeTap {
  int32_t cell[kTile];
  T weight[4][kTile];
  T fy[kTile], fx[kTile];
  T free_y[kTile], free_x[kTile];
};

// Input coordinates of the upper left tap of each pixel, before offsets.
template <typename T>
struct Corners {
  T y[kTile], x[kTile];

  Corners(const Geometry& g, int64_t first, int count) {
    int64_t row = first / g.out_width, column = first % g.out_width;
    for (int p = 0; p < count; ++p) {
      y[p] = static_cast<T>(row * g.stride_y - g.padding_y);
      x[p] = static_cast<T>(column * g.stride_x - g.padding_x);
      if (++column == g.out_width) {
        column = 0;
        ++row;
      }
    }
  }
};

template <typename T>
inline void set_weights(T fy, T fx, T (*weight)[kTile], int p) {
  weight[0][p] = (1 - fy) * (1 - fx);
  weight[1][p] = (1 - fy) * fx;
  weight[2][p] = fy * (1 - fx);
  weight[3][p] = fy * fx;
}

// Splits an image coordinate. Far outside, where a float may exceed an integer,
// it becomes -2 or `size`, so that both neighbours are outside.
template <typename T>
inline int32_t split_image(T at, T low, T size, T& fraction) {
  T near = at > low ? at : T(-2);  // NaN: -2
  near = near < size ? near : size;
  const T base = std::floor(near);
  fraction = at == at ? near - base : at;
  return static_cast<int32_t>(base);
}

// Returns `line` if 0 <= at < size, else `outside`.
inline int32_t or_outside(int32_t at, int32_t size, int32_t line,
                          int32_t outside) {
  return static_cast<uint32_t>(at) < static_cast<uint32_t>(size) ? line
                                                                 : outside;
}

// Locates tap k at `count` pixels with offsets `dy` and `dx`. Images have fewer
// than 2^30 pixels.
template <typename T>
void locate_image(const Geometry& g, const LineMap& map, int64_t k,
                  const Corners<T>& corner, const T* __restrict dy,
                  const T* __restrict dx, int count, ImageTap<T>& tap) {
  const T tap_y = static_cast<T>((k / g.kernel_x) * g.dilation_y);
  const T tap_x = static_cast<T>((k % g.kernel_x) * g.dilation_x);
  const T height = static_cast<T>(g.height), width = static_cast<T>(g.width);
  const T low = g.flat_edge ? T(-1) : std::nextafter(T(-1), T(-2));
  const int32_t h = static_cast<int32_t>(g.height);
  const int32_t w = static_cast<int32_t>(g.width);
  const int32_t outside = map.outside, mask = map.mask;
#pragma GCC ivdep
  for (int p = 0; p < count; ++p) {
    T fy, fx;
    const int32_t y =
        split_image(corner.y[p] + tap_y + dy[p], low, height, fy);
    const int32_t x = split_image(corner.x[p] + tap_x + dx[p], low, width, fx);
    const int32_t up = or_outside(y, h, (y & mask) * w, outside);
    const int32_t down =
        or_outside(y + 1, h, ((y + 1) & mask) * w, outside);
    const int32_t left = or_outside(x, w, x, outside);
    const int32_t right = or_outside(x + 1, w, x + 1, outside);
    tap.row[0][p] = std::min(up + left, outside);
    tap.row[1][p] = std::min(up + right, outside);
    tap.row[2][p] = std::min(down + left, outside);
    tap.row[3][p] = std::min(down + right, outside);
    tap.fy[p] = fy;
    tap.fx[p] = fx;
    set_weights(fy, fx, tap.weight, p);
  }
}

// Clamps a scope coordinate to [0, last] and splits it.
template <typename T>
inline int32_t split_clamped(T at, T last, T& fraction, T& free) {
  T inside = at > T(0) ? at : T(0);  // NaN: 0
  inside = inside < last ? inside : last;
  free = (at >= T(0)) & (at <= last) ? T(1) : T(0);
  // The last cell is only a right neighbour.
  const T before = last > T(0) ? last - T(1) : T(0);
  T base = std::floor(inside);
  base = base < before ? base : before;
  fraction = at == at ? inside - base : at;
  return static_cast<int32_t>(base);
}

template <typename T>
void locate_scope(const Geometry& g, int64_t k, const T* __restrict dy,
                  const T* __restrict dx, int count, ScopeTap<T>& tap) {
  const T tap_y = static_cast<T>(k / g.kernel_x) +
                  static_cast<T>(g.scope - g.kernel_y) / T(2);
  const T tap_x = static_cast<T>(k % g.kernel_x) +
                  static_cast<T>(g.scope - g.kernel_x) / T(2);
  const T last = static_cast<T>(g.scope - 1);
  const int32_t scope = static_cast<int32_t>(g.scope);
#pragma GCC ivdep
  for (int p = 0; p < count; ++p) {
    const int32_t y =
        split_clamped(tap_y + dy[p], last, tap.fy[p], tap.free_y[p]);
    const int32_t x =
        split_clamped(tap_x + dx[p], last, tap.fx[p], tap.free_x[p]);
    tap.cell[p] = y * scope + x;
    set_weights(tap.fy[p], tap.fx[p], tap.weight, p);
  }
}

}  // namespace dksan
