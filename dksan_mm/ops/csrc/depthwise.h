// Copyright (c) DKSAN-MM contributors.
// The depthwise form, for one image and one chunk of its channels.
#pragma once

#include <cstdint>

#include "layout.h"
#include "taps.h"

namespace dksan {

// A chunk is `channels` channels, padded to `vectors` (1, 2 or 4) vectors;
// the table's rows have that width.
struct Chunk {
  int64_t channels;
  int vectors;
};

template <typename T>
void depthwise_forward(const Geometry& g, const Chunk& chunk,
                       const Offsets<T>& offsets, const Image<const T>& x,
                       const T* table, const Image<T>& out);

// Adds to `grad_table`, overwrites the other gradients.
template <typename T>
void depthwise_backward(const Geometry& g, const Chunk& chunk,
                        const Offsets<T>& offsets, const Image<const T>& x,
                        const T* table, const Image<const T>& grad_out,
                        const Image<T>& grad_x, T* grad_table,
                        const OffsetGrads<T>& grads);

}  // namespace dksan
