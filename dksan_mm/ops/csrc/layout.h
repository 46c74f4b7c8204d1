// Copyright (c) DKSAN-MM contributors.
// Copies between images and rows: the channels of one pixel side by side.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "segments.h"
#include "transpose.h"

namespace dksan {

// One image of a batch: element (channel, pixel) lies at
// data[channel * channel_stride + pixel * pixel_stride]; one stride is 1.
template <typename T>
struct Image {
  T* data;
  int64_t channel_stride, pixel_stride;

  T* at(int64_t channel, int64_t pixel) const {
    return data + channel * channel_stride + pixel * pixel_stride;
  }
};

template <typename T>
Image<T> from_channel(const Image<T>& image, int64_t channel) {
  return {image.at(channel, 0), image.channel_stride, image.pixel_stride};
}

// Rows, `stride` apart.
template <typename T>
struct Rows {
  T* data;
  int64_t stride;
};

// The first `channels` of `count` pixels into rows `stride` apart; the rest
// of their `width` becomes 0.
template <typename T>
void to_rows(const Image<const T>& from, int64_t first, int64_t count,
             int64_t channels, int64_t width, int64_t stride, T* rows) {
  if (channels < width)
    for (int64_t p = 0; p < count; ++p)
      std::fill_n(rows + p * stride + channels, width - channels, T(0));
  if (from.channel_stride == 1) {
    for (int64_t p = 0; p < count; ++p)
      std::memcpy(rows + p * stride, from.at(0, first + p),
                  sizeof(T) * channels);
  } else {
    transpose(from.at(0, first), from.channel_stride, channels, count, rows,
              stride);
  }
}

template <typename T>
void from_rows(const T* rows, int64_t stride, const Image<T>& to,
               int64_t first, int64_t count, int64_t channels) {
  if (to.channel_stride == 1) {
    for (int64_t p = 0; p < count; ++p)
      std::memcpy(to.at(0, first + p), rows + p * stride,
                  sizeof(T) * channels);
  } else {
    transpose(rows, stride, count, channels, to.at(0, first),
              to.channel_stride);
  }
}

template <typename T>
void fill_zeros(const Image<T>& to, int64_t first, int64_t count,
                int64_t channels) {
  const bool by_channel = to.pixel_stride == 1;
  for (int64_t i = 0; i < (by_channel ? channels : count); ++i)
    std::fill_n(by_channel ? to.at(i, first) : to.at(0, first + i),
                by_channel ? count : channels, T(0));
}

// Adds `count` pixels; both are of the same kind.
template <typename T>
void add_pixels(const Image<T>& from, int64_t from_first, const Image<T>& to,
                int64_t to_first, int64_t count, int64_t channels) {
  const bool by_channel = to.pixel_stride == 1;
  for (int64_t i = 0; i < (by_channel ? channels : count); ++i) {
    const T* a = by_channel ? from.at(i, from_first)
                            : from.at(0, from_first + i);
    T* b = by_channel ? to.at(i, to_first) : to.at(0, to_first + i);
    for (int64_t j = 0; j < (by_channel ? count : channels); ++j) b[j] += a[j];
  }
}

// All rows of a segment (`x` begins at its first channel), and one of zeros
// for what lies outside the image.
template <typename T>
std::vector<T> image_rows(const Image<const T>& x, int64_t pixels,
                          const Segment& segment) {
  std::vector<T> rows((pixels + 1) * segment.width);
  to_rows(x, 0, pixels, segment.channels, segment.width, segment.width,
          rows.data());
  return rows;
}

}  // namespace dksan
