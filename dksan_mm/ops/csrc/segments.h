// Copyright (c) DKSAN-MM contributors.
// Division of the channels of an image into segments of whole vectors.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "vec.h"

namespace dksan {

// Adjacent channels with the same offset group and weight group. `width` is
// their number, rounded up to a width that `with_width` supports.
struct Segment {
  int64_t channel, channels;
  int width;
  int64_t offset_group, group;
  int64_t share;  // number of earlier segments with the same offsets
  int64_t start;  // sum of the earlier segments' widths
};

// Adjacent segments of one group; their `start` is relative to the first.
struct Chunk {
  std::vector<Segment> segments;
  int64_t width;
};

// Maximum width of a segment or chunk: two vectors if there are few channels in
// total, so that several threads have work.
template <typename T>
int widest(int64_t images, int64_t channels) {
  return (images * channels < 32 * kLanes<T> ? 2 : 4) * kLanes<T>;
}

// Returns the largest width up to `widest` that `channels` fill, or else the
// smallest width.
template <typename T>
int fitting_width(int64_t channels, int widest) {
  int width = widest;
  const int64_t least = kMinLanes<T>;
  while (width > std::max(channels, least)) width /= 2;
  return width;
}

// Cuts the channels into segments. The result depends only on the sizes and
// not on the number of threads, so neither does the order of sums.
template <typename T>
std::vector<Segment> cut(int64_t channels, int64_t offset_groups,
                         int64_t groups, int widest) {
  const int64_t by_offset = channels / offset_groups;
  const int64_t by_group = channels / groups;
  std::vector<int64_t> shares(offset_groups);
  std::vector<Segment> segments;
  int64_t start = 0;
  for (int64_t c = 0; c < channels;) {
    const int64_t d = c / by_offset, g = c / by_group;
    const int64_t end = std::min((d + 1) * by_offset, (g + 1) * by_group);
    const int width = fitting_width<T>(end - c, widest);
    const int64_t count = std::min<int64_t>(width, end - c);
    segments.push_back({c, count, width, d, g, shares[d]++, start});
    start += width;
    c += count;
  }
  return segments;
}

inline int64_t width_of(const std::vector<Segment>& segments) {
  return segments.back().start + segments.back().width;
}

// Joins segments of a group up to `widest` channels.
inline std::vector<Chunk> join(const std::vector<Segment>& segments,
                               int64_t widest) {
  std::vector<Chunk> chunks;
  for (Segment s : segments) {
    const bool fits = !chunks.empty() &&
                      chunks.back().segments[0].group == s.group &&
                      chunks.back().width + s.width <= widest;
    if (!fits) chunks.push_back({{}, 0});
    s.start = chunks.back().width;
    chunks.back().width += s.width;
    chunks.back().segments.push_back(s);
  }
  return chunks;
}

}  // namespace dksan
