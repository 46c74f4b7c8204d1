// Copyright (c) DKSAN-MM contributors.
// Lines of the input that output pixels read, and a ring that holds only these
// lines. Its memory stays in cache for any image size, and is not allocated
// again for each image.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "taps.h"

namespace dksan {

// Number of output pixels per step of a window.
constexpr int64_t kBlockPixels = 512;

inline int64_t blocks_of(int64_t pixels, int64_t block = kBlockPixels) {
  return (pixels + block - 1) / block;
}

// Lines [first, last) of the input; none if last <= first.
struct Lines {
  int64_t first, last;
};

inline int64_t number_of(const Lines& lines) {
  return std::max<int64_t>(lines.last - lines.first, 0);
}

template <typename T>
struct Range {
  T low = std::numeric_limits<T>::infinity(), high = -low;
};

// Returns the minimum and maximum of `count` numbers, ignoring NaN.
template <typename T>
Range<T> range_of(const T* values, int64_t count) {
  Range<T> range;
  T low = range.low, high = range.high;
#pragma GCC ivdep
  for (int64_t i = 0; i < count; ++i) {
    low = values[i] < low ? values[i] : low;
    high = values[i] > high ? values[i] : high;
  }
  range.low = low;
  range.high = high;
  return range;
}

// Returns the lines that bilinear samples at rows [low, high] can read.
template <typename T>
Lines lines_between(T low, T high, int64_t height) {
  const T end = static_cast<T>(height);
  low = std::min(std::max(low, T(0)), end);
  high = std::min(std::max(high, T(-2)), end);
  const int64_t last = static_cast<int64_t>(std::floor(high)) + 2;
  return {static_cast<int64_t>(std::floor(low)), std::min(last, height)};
}

inline Lines hull(const Lines& a, const Lines& b) {
  return {std::min(a.first, b.first), std::max(a.last, b.last)};
}

// Returns the lines that output pixels [first, last) read. `offset`: image
// offsets or null.
template <typename T>
Lines lines_read(const Geometry& g, const T* offset, int64_t first,
                 int64_t last) {
  Lines all{g.height, 0};
  while (first < last) {
    const int64_t row = first / g.out_width;
    const int64_t count = std::min(last, (row + 1) * g.out_width) - first;
    const T corner = static_cast<T>(row * g.stride_y - g.padding_y);
    for (int64_t k = 0; k < g.taps(); ++k) {
      Range<T> dy{T(0), T(0)};
      if (offset) dy = range_of(offset + 2 * k * g.out_pixels() + first, count);
      if (!(dy.low <= dy.high)) continue;
      // The same sums as in `locate_image`; they increase with the offset.
      const T tap = static_cast<T>((k / g.kernel_x) * g.dilation_y);
      all = hull(all, lines_between(corner + tap + dy.low,
                                    corner + tap + dy.high, g.height));
    }
    first += count;
  }
  return all;
}

// Extends the lines of the blocks to windows whose ends never move back.
inline std::vector<Lines> windows_of(const Lines* reads, int64_t blocks) {
  std::vector<Lines> windows(reads, reads + blocks);
  for (int64_t b = blocks - 1; b-- > 0;)
    windows[b].first = std::min(windows[b].first, windows[b + 1].first);
  for (int64_t b = 1; b < blocks; ++b)
    windows[b].last = std::max(windows[b].last, windows[b - 1].last);
  return windows;
}

// Returns the maximum number of lines of a window.
inline int64_t tallest(const std::vector<Lines>& windows) {
  int64_t most = 1;
  for (const Lines& w : windows) most = std::max(most, number_of(w));
  return most;
}

// Buffer for the lines of an image in a moving window. Each has its own
// position among `lines()`.
class LineRing {
 public:
  LineRing(const Geometry& g, const std::vector<Lines>& windows)
      : width_(g.width), lines_(1) {
    const int64_t wanted = tallest(windows);
    while (lines_ < wanted) lines_ *= 2;
    whole_ = lines_ >= g.height;
    if (whole_) lines_ = g.height;
  }

  int64_t rows() const { return lines_ * width_; }

  LineMap map() const {
    return {whole_ ? -1 : static_cast<int32_t>(lines_ - 1),
            static_cast<int32_t>(rows())};
  }

  // Adds lines from `first` up to `last`: calls run(line, row, number) for
  // runs of lines that are stored one after the other, beginning at `row`.
  template <typename Run>
  void enter(const Lines& window, const Run& run) {
    high_ = std::max(high_, window.first);
    for (int64_t n; high_ < window.last; high_ += n) {
      n = side_by_side(high_, window.last);
      run(high_, row_of(high_), n);
    }
  }

  // Removes all lines before `first`: calls run(line, row, number), with row
  // -1 for lines that were never added.
  template <typename Run>
  void leave(int64_t first, const Run& run) {
    for (int64_t n; low_ < first; low_ += n) {
      const bool skipped = low_ >= high_;
      n = skipped ? first - low_ : side_by_side(low_, std::min(first, high_));
      run(low_, skipped ? -1 : row_of(low_), n);
    }
  }

 private:
  int64_t row_of(int64_t line) const {
    return (whole_ ? line : line & (lines_ - 1)) * width_;
  }

  int64_t side_by_side(int64_t line, int64_t last) const {
    return std::min(last - line, lines_ - row_of(line) / width_);
  }

  int64_t width_, lines_;
  bool whole_;
  int64_t low_ = 0, high_ = 0;  // range of the lines that it holds
};

}  // namespace dksan
