// Copyright (c) DKSAN-MM contributors.
// The depthwise form, for one image.
#pragma once

#include <vector>

#include "layout.h"
#include "segments.h"
#include "taps.h"

namespace dksan {

// Output pixels [first, last) of all channels. `x` and `table` are rows of
// all segments; the table has one for each scope cell or, without kernel
// offsets, for each tap.
template <typename T>
void depthwise_forward(const Geometry& g, const std::vector<Segment>& segments,
                       const Offsets<T>& offsets, const Rows<const T>& x,
                       const T* table, int64_t first, int64_t last,
                       const Image<T>& out);

// One segment of a whole image. `table` has rows of its width alone.
// Adds to `grad_table`, overwrites the other gradients.
template <typename T>
void depthwise_backward(const Geometry& g, const Segment& segment,
                        const Offsets<T>& offsets, const Image<const T>& x,
                        const T* table, const Image<const T>& grad_out,
                        const Image<T>& grad_x, T* grad_table,
                        const OffsetGrads<T>& grads);

}  // namespace dksan
