// Copyright (c) DKSAN-MM contributors.
// Copies between any strided image and rows of `chunk` channels a pixel.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace dksan {

// One image of a batch: element (channel, pixel) at
// data[channel * channel_stride + pixel * pixel_stride].
template <typename T>
struct Image {
  T* data;
  int64_t channel_stride, pixel_stride;

  T* at(int64_t channel, int64_t pixel) const {
    return data + channel * channel_stride + pixel * pixel_stride;
  }
};

constexpr int kBlock = 16;  // a cache line of floats

// `channels` of `count` pixels from `from` into rows of `chunk`; the rest of
// a row becomes 0.
template <typename T>
void to_rows(const Image<const T>& from, int64_t first, int64_t count,
             int64_t channels, int64_t chunk, T* rows) {
  if (channels < chunk) std::fill(rows, rows + count * chunk, T(0));
  if (from.channel_stride == 1) {
    for (int64_t p = 0; p < count; ++p)
      std::memcpy(rows + p * chunk, from.at(0, first + p),
                  sizeof(T) * channels);
    return;
  }
  for (int64_t p0 = 0; p0 < count; p0 += kBlock) {
    const int64_t p1 = std::min<int64_t>(p0 + kBlock, count);
    for (int64_t c = 0; c < channels; ++c) {
      const T* source = from.at(c, first);
      for (int64_t p = p0; p < p1; ++p)
        rows[p * chunk + c] = source[p * from.pixel_stride];
    }
  }
}

template <typename T>
void from_rows(const T* rows, int64_t chunk, const Image<T>& to, int64_t first,
               int64_t count, int64_t channels) {
  if (to.channel_stride == 1) {
    for (int64_t p = 0; p < count; ++p)
      std::memcpy(to.at(0, first + p), rows + p * chunk, sizeof(T) * channels);
    return;
  }
  for (int64_t p0 = 0; p0 < count; p0 += kBlock) {
    const int64_t p1 = std::min<int64_t>(p0 + kBlock, count);
    for (int64_t c = 0; c < channels; ++c) {
      T* target = to.at(c, first);
      for (int64_t p = p0; p < p1; ++p)
        target[p * to.pixel_stride] = rows[p * chunk + c];
    }
  }
}

}  // namespace dksan
