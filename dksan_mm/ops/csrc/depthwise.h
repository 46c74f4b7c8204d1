// Copyright (c) DKSAN-MM contributors.
// The depthwise form, for one image and one segment of its channels.
#pragma once

#include "layout.h"
#include "segments.h"
#include "taps.h"

namespace dksan {

// `table`: one row of the segment's width for each scope cell, or, without
// kernel offsets, for each tap.
template <typename T>
void depthwise_forward(const Geometry& g, const Segment& segment,
                       const Offsets<T>& offsets, const Image<const T>& x,
                       const T* table, const Image<T>& out);

// Adds to `grad_table`, overwrites the other gradients.
template <typename T>
void depthwise_backward(const Geometry& g, const Segment& segment,
                        const Offsets<T>& offsets, const Image<const T>& x,
                        const T* table, const Image<const T>& grad_out,
                        const Image<T>& grad_x, T* grad_table,
                        const OffsetGrads<T>& grads);

}  // namespace dksan
