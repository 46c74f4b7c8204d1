// Copyright (c) DKSAN-MM contributors.
// Columns of a band of output pixels. The dense form multiplies them with its
// weights.
#pragma once

#include <vector>

#include "backward_tap.h"
#include "segments.h"
#include "taps.h"

namespace dksan {

// Output pixels [first, first + count) of one image, and their columns. Each
// pixel has columns (cell, width), at a distance of `stride`. A cell is one of
// the scope or, without kernel offsets, a tap.
struct Band {
  int64_t first, count, cells, width, stride;
};

// Computes the columns. `x`: rows of all segments, in the order of `map`.
// `offsets`: one entry for each offset group.
template <typename T>
void columns_forward(const Geometry& g, const std::vector<Segment>& segments,
                     const std::vector<Offsets<T>>& offsets,
                     const Rows<const T>& x, const LineMap& map,
                     const Band& band, T* columns);

// Recomputes `columns`, adds to `grad_x`, and overwrites `grads`, which have
// one entry for each segment: its share.
template <typename T>
void columns_backward(const Geometry& g, const std::vector<Segment>& segments,
                      const std::vector<Offsets<T>>& offsets,
                      const Rows<const T>& x, const LineMap& map,
                      const Band& band, const T* grad_columns, T* columns,
                      const Rows<T>& grad_x,
                      const std::vector<OffsetGrads<T>>& grads);

}  // namespace dksan
