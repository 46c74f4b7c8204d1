// Copyright (c) DKSAN-MM contributors.
// Depthwise form, for one image.
#pragma once

#include <vector>

#include "layout.h"
#include "segments.h"
#include "taps.h"
#include "window.h"

namespace dksan {

// Computes output pixels [first, last) of one segment, at most a block. `x` and
// `table` are rows of the segment's width. The table has a row for each scope
// cell or, without kernel offsets, for each tap.
template <typename T>
void depthwise_forward(const Geometry& g, const Segment& segment,
                       const Offsets<T>& offsets, const T* x,
                       const LineMap& map, const T* table, int64_t first,
                       int64_t last, const Image<T>& out);

// Consecutive blocks of output pixels, beginning with block `first`, and
// a window for each. `own`: lines of the input that no other strip reads.
struct Strip {
  int64_t first;
  std::vector<Lines> windows;
  Lines own;

  // Returns all lines that it reads, and those before and after its own.
  Lines reach() const {
    return {windows.front().first, windows.back().last};
  }
  Lines before() const { return {reach().first, own.first}; }
  Lines after() const { return {own.last, reach().last}; }
  int64_t number_before() const { return number_of(before()); }
  int64_t number_after() const { return number_of(after()); }
};

// Gradient of x. Each strip writes its own lines to `to` and its contributions
// to other lines to `spill`, which is added when all strips are finished.
template <typename T>
struct StripGrad {
  Image<T> to;
  Image<T> spill;  // the lines before, then those after
};

// Processes one segment of a strip. `table` has rows of the segment's width.
// Adds to `grad_table` and overwrites the other gradients.
template <typename T>
void depthwise_backward(const Geometry& g, const Segment& segment,
                        const Strip& strip, const Offsets<T>& offsets,
                        const Image<const T>& x, const T* table,
                        const Image<const T>& grad_out,
                        const StripGrad<T>& grad_x, T* grad_table,
                        const OffsetGrads<T>& grads);

}  // namespace dksan
