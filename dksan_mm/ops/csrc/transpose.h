// Copyright (c) DKSAN-MM contributors.
// Transposition of square blocks in registers.
#pragma once

#include <cstdint>

#include "vec.h"

namespace dksan {

#ifdef DKSAN_SHUFFLE
constexpr bool kShuffle = true;

template <int H, int L, typename V>
DKSAN_INLINE void exchange_all(V (&rows)[L]) {
  constexpr auto kLane = std::make_index_sequence<L>{};
#pragma GCC unroll 16
  for (int i = 0; i < L; ++i) {
    if (i & H) continue;
    const V a = rows[i], b = rows[i + H];
    rows[i] = exchange<H, false>(a, b, kLane);
    rows[i + H] = exchange<H, true>(a, b, kLane);
  }
  if constexpr (H > 1) exchange_all<H / 2, L>(rows);
}

// Transposes an L x L block with rows at distances of `from_row` and `to_row`.
template <int L, typename T>
DKSAN_INLINE void transpose_block(const T* from, int64_t from_row, T* to,
                                  int64_t to_row) {
  Vec<T, L> rows[L];
#pragma GCC unroll 16
  for (int i = 0; i < L; ++i) rows[i] = load<L>(from + i * from_row);
  exchange_all<L / 2, L>(rows);
#pragma GCC unroll 16
  for (int i = 0; i < L; ++i) store(to + i * to_row, rows[i]);
}
#else
constexpr bool kShuffle = false;

template <int L, typename T>
void transpose_block(const T*, int64_t, T*, int64_t) {}
#endif

// Computes to[j * to_row + i] = from[i * from_row + j] for `height` rows i of
// `width` numbers j.
template <typename T, int L = kLanes<T>>
void transpose(const T* from, int64_t from_row, int64_t height, int64_t width,
               T* to, int64_t to_row) {
  const int64_t rows = kShuffle ? height / L * L : 0;
  const int64_t columns = kShuffle ? width / L * L : 0;
  const auto block = [&](int64_t i, int64_t j) {
    transpose_block<L>(from + i * from_row + j, from_row, to + j * to_row + i,
                       to_row);
  };
  // The inner loop runs along the rows with the larger distance: if it is
  // a power of two, cache lines of more than a few rows evict each other.
  if (from_row > to_row) {
    for (int64_t i = 0; i < rows; i += L)
      for (int64_t j = 0; j < columns; j += L) block(i, j);
  } else {
    for (int64_t j = 0; j < columns; j += L)
      for (int64_t i = 0; i < rows; i += L) block(i, j);
  }
  const auto copy = [&](int64_t top, int64_t left, int64_t end) {
    for (int64_t i = top; i < height; ++i)
      for (int64_t j = left; j < end; ++j)
        to[j * to_row + i] = from[i * from_row + j];
  };
  if (columns < width) copy(0, columns, width);
  if (rows == height) return;
  if constexpr (L / 2 >= kMinLanes<T>)
    transpose<T, L / 2>(from + rows * from_row, from_row, height - rows,
                        columns, to + rows, to_row);
  else
    copy(rows, 0, columns);
}

}  // namespace dksan
