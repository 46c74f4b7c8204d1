// Copyright (c) DKSAN-MM contributors.
// Matrix product in one thread, for operands that are already in its cache.
// (A BLAS call would start its own threads or, inside ours, take its own
// locks.)
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "vec.h"

namespace dksan {

// A block of kBlockRows x kBlockVectors accumulators fits into the 32 or 16
// registers. With 4 rows, the loads of a step would take longer than its sums.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kBlockRows = 8;
#else
constexpr int kBlockRows = 6;
#endif
constexpr int kBlockVectors = 2;
template <typename T>
constexpr int64_t kPanelWidth = kBlockVectors * kLanes<T>;
constexpr int64_t kDepth = 128;  // of a panel that stays in the L1 cache

inline int64_t round_up(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

// Element (i, j) is data[i * row + j * column].
template <typename T>
struct Operand {
  const T* data;
  int64_t row, column;
};

// Right operand, (k, j), in panels of kPanelWidth columns: row k of panel i is
// at data + i * panel + k * row.
template <typename T>
struct Panels {
  const T* data;
  int64_t row, panel;
};

// Copies a matrix with elements get(k, j) into panels, padded with zeros on the
// right.
template <typename T, typename Get>
std::vector<T> make_panels(int64_t rows, int64_t columns, const Get& get) {
  constexpr int64_t kWidth = kPanelWidth<T>;
  std::vector<T> panels(rows * round_up(columns, kWidth));
  for (int64_t j = 0; j < columns; ++j) {
    T* column = panels.data() + j / kWidth * rows * kWidth + j % kWidth;
    for (int64_t k = 0; k < rows; ++k) column[k * kWidth] = get(k, j);
  }
  return panels;
}

template <typename T, int M, int N>
void multiply_block(int64_t depth, const Operand<T>& a, const T* b,
                    int64_t b_row, T* c, int64_t c_row, bool add) {
  constexpr int L = kLanes<T>;
  Vec<T, L> sum[M][N] = {};
  for (int64_t k = 0; k < depth; ++k) {
    Vec<T, L> right[N];
#pragma GCC unroll 8
    for (int j = 0; j < N; ++j) right[j] = load<L>(b + k * b_row + j * L);
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const T left = a.data[i * a.row + k * a.column];
#pragma GCC unroll 8
      for (int j = 0; j < N; ++j) sum[i][j] += left * right[j];
    }
  }
  for (int i = 0; i < M; ++i)
    for (int j = 0; j < N; ++j) {
      T* to = c + i * c_row + j * L;
      store(to, add ? load<L>(to) + sum[i][j] : sum[i][j]);
    }
}

// Computes the last rows, at most M.
template <typename T, int M, int N>
void multiply_rest(int64_t rows, int64_t depth, const Operand<T>& a,
                   const T* b, int64_t b_row, T* c, int64_t c_row, bool add) {
  if (rows == M)
    multiply_block<T, M, N>(depth, a, b, b_row, c, c_row, add);
  else if constexpr (M > 1)
    multiply_rest<T, M - 1, N>(rows, depth, a, b, b_row, c, c_row, add);
}

template <typename T, int N>
void multiply_panel(int64_t rows, int64_t depth, Operand<T> a, const T* b,
                    int64_t b_row, T* c, int64_t c_row, bool add) {
  int64_t i = 0;
  for (; i + kBlockRows <= rows; i += kBlockRows) {
    multiply_block<T, kBlockRows, N>(depth, a, b, b_row, c, c_row, add);
    a.data += kBlockRows * a.row;
    c += kBlockRows * c_row;
  }
  multiply_rest<T, kBlockRows - 1, N>(rows - i, depth, a, b, b_row, c, c_row,
                                      add);
}

// Computes c = a * b, or c += a * b with `add`. c has `rows` x `columns`
// elements, with rows at distances of c_row; `columns` is a multiple of the
// lanes.
template <typename T>
void multiply(int64_t rows, int64_t columns, int64_t depth,
              const Operand<T>& a, const Panels<T>& b, T* c, int64_t c_row,
              bool add) {
  for (int64_t j = 0; j < columns; j += kPanelWidth<T>) {
    const T* panel = b.data + j / kPanelWidth<T> * b.panel;
    for (int64_t k = 0; k < depth; k += kDepth) {
      const Operand<T> left{a.data + k * a.column, a.row, a.column};
      const int64_t part = std::min(kDepth, depth - k);
      const auto run = [&](auto n) {
        multiply_panel<T, n()>(rows, part, left, panel + k * b.row, b.row,
                               c + j, c_row, add || k > 0);
      };
      if (j + kLanes<T> == columns)
        run(Int<1>{});
      else
        run(Int<kBlockVectors>{});
    }
  }
}

}  // namespace dksan
