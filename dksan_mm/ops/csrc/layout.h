// Copyright (c) DKSAN-MM contributors.
// Copies between images and rows. A row holds the channels of one pixel.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "half.h"
#include "segments.h"
#include "transpose.h"

namespace dksan {

// Image of a batch: element (channel, pixel) is at
// data[channel * channel_stride + pixel * pixel_stride]; one stride is 1.
template <typename T>
struct Image {
  using Half =
      std::conditional_t<std::is_const_v<T>, const uint16_t, uint16_t>;

  T* data;
  int64_t channel_stride, pixel_stride;
  Stored stored = Stored::kPlain;  // else `data` points to 16-bit numbers

  bool plain() const { return stored == Stored::kPlain; }
  int64_t place(int64_t channel, int64_t pixel) const {
    return channel * channel_stride + pixel * pixel_stride;
  }
  T* at(int64_t channel, int64_t pixel) const {
    return data + place(channel, pixel);
  }
  Half* half_at(int64_t channel, int64_t pixel) const {
    return reinterpret_cast<Half*>(data) + place(channel, pixel);
  }
};

// Returns the image that begins `numbers` elements later.
template <typename T>
Image<T> moved(Image<T> image, int64_t numbers) {
  using Half = typename Image<T>::Half;
  if (image.plain())
    image.data += numbers;
  else
    image.data =
        reinterpret_cast<T*>(reinterpret_cast<Half*>(image.data) + numbers);
  return image;
}

template <typename T>
Image<T> from_channel(const Image<T>& image, int64_t channel) {
  return moved(image, image.place(channel, 0));
}

// Rows at distances of `stride`.
template <typename T>
struct Rows {
  T* data;
  int64_t stride;
};

// Buffer for a piece of an image of 16-bit numbers, (channel, pixel).
constexpr int64_t kPieceChannels = 64, kPiecePixels = 32;
struct Piece {
  float data[kPieceChannels * kPiecePixels];
};

// Calls run(first channel, channels, first pixel, pixels) for all pieces.
template <typename Run>
void for_pieces(int64_t channels, int64_t pixels, const Run& run) {
  for (int64_t c = 0; c < channels; c += kPieceChannels)
    for (int64_t p = 0; p < pixels; p += kPiecePixels)
      run(c, std::min(kPieceChannels, channels - c), p,
          std::min(kPiecePixels, pixels - p));
}

inline void halves_to_rows(const Image<const float>& from, int64_t first,
                           int64_t count, int64_t channels, int64_t stride,
                           float* rows) {
  if (from.channel_stride == 1) {
    for (int64_t p = 0; p < count; ++p)
      widen(from.stored, from.half_at(0, first + p), channels,
            rows + p * stride);
    return;
  }
  Piece piece;
  for_pieces(channels, count,
             [&](int64_t c, int64_t height, int64_t p, int64_t width) {
    for (int64_t i = 0; i < height; ++i)
      widen(from.stored, from.half_at(c + i, first + p), width,
            piece.data + i * kPiecePixels);
    transpose(piece.data, kPiecePixels, height, width, rows + p * stride + c,
              stride);
  });
}

inline void halves_from_rows(const float* rows, int64_t stride,
                             const Image<float>& to, int64_t first,
                             int64_t count, int64_t channels) {
  if (to.channel_stride == 1) {
    for (int64_t p = 0; p < count; ++p)
      narrow(to.stored, rows + p * stride, channels, to.half_at(0, first + p));
    return;
  }
  Piece piece;
  for_pieces(channels, count,
             [&](int64_t c, int64_t height, int64_t p, int64_t width) {
    transpose(rows + p * stride + c, stride, width, height, piece.data,
              kPiecePixels);
    for (int64_t i = 0; i < height; ++i)
      narrow(to.stored, piece.data + i * kPiecePixels, width,
             to.half_at(c + i, first + p));
  });
}

// Copies the first `channels` of `count` pixels into rows at distances of
// `stride`; the rest of their `width` becomes 0.
template <typename T>
void to_rows(const Image<const T>& from, int64_t first, int64_t count,
             int64_t channels, int64_t width, int64_t stride, T* rows) {
  if (channels < width)
    for (int64_t p = 0; p < count; ++p)
      std::fill_n(rows + p * stride + channels, width - channels, T(0));
  if constexpr (std::is_same_v<T, float>)
    if (!from.plain())
      return halves_to_rows(from, first, count, channels, stride, rows);
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
  if constexpr (std::is_same_v<T, float>)
    if (!to.plain())
      return halves_from_rows(rows, stride, to, first, count, channels);
  if (to.channel_stride == 1) {
    for (int64_t p = 0; p < count; ++p)
      std::memcpy(to.at(0, first + p), rows + p * stride,
                  sizeof(T) * channels);
  } else {
    transpose(rows, stride, count, channels, to.at(0, first),
              to.channel_stride);
  }
}

// Does the same for all segments of an image.
template <typename T>
void to_rows(const Image<const T>& from, int64_t first, int64_t count,
             const std::vector<Segment>& segments, int64_t stride, T* rows) {
  for (const Segment& s : segments)
    to_rows(from_channel(from, s.channel), first, count, s.channels, s.width,
            stride, rows + s.start);
}

// Calls run(channel, pixel, numbers) for runs of adjacent numbers.
template <typename T, typename Run>
void for_runs(const Image<T>& image, int64_t count, int64_t channels,
              const Run& run) {
  const bool by_channel = image.pixel_stride == 1;
  for (int64_t i = 0; i < (by_channel ? channels : count); ++i)
    run(by_channel ? i : 0, by_channel ? 0 : i, by_channel ? count : channels);
}

template <typename T>
void fill_zeros(const Image<T>& to, int64_t first, int64_t count,
                int64_t channels) {
  for_runs(to, count, channels, [&](int64_t c, int64_t p, int64_t numbers) {
    if (to.plain())
      std::fill_n(to.at(c, first + p), numbers, T(0));
    else
      std::fill_n(to.half_at(c, first + p), numbers, uint16_t{0});
  });
}

// Adds `count` pixels; both images are plain and have the same layout.
template <typename T>
void add_pixels(const Image<T>& from, int64_t from_first, const Image<T>& to,
                int64_t to_first, int64_t count, int64_t channels) {
  for_runs(to, count, channels, [&](int64_t c, int64_t p, int64_t numbers) {
    const T* a = from.at(c, from_first + p);
    T* b = to.at(c, to_first + p);
    for (int64_t j = 0; j < numbers; ++j) b[j] += a[j];
  });
}

// Copies `count` pixels of a plain image; both have the same layout.
template <typename T>
void copy_pixels(const Image<T>& from, const Image<T>& to, int64_t to_first,
                 int64_t count, int64_t channels) {
  for_runs(to, count, channels, [&](int64_t c, int64_t p, int64_t numbers) {
    if constexpr (std::is_same_v<T, float>)
      if (!to.plain())
        return narrow(to.stored, from.at(c, p), numbers,
                      to.half_at(c, to_first + p));
    std::copy_n(from.at(c, p), numbers, to.at(c, to_first + p));
  });
}

}  // namespace dksan
