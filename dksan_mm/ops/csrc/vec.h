// Copyright (c) DKSAN-MM contributors.
// SIMD vectors of any width, by the compilers' vector extension.
#pragma once

#include <cstring>
#include <type_traits>

namespace dksan {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

// Of the widest vector and the narrowest one used.
template <typename T>
constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));
template <typename T>
constexpr int kMinLanes = 16 / static_cast<int>(sizeof(T));

template <typename T, int L>
struct VectorOf {
  typedef T type __attribute__((vector_size(L * sizeof(T))));
};
template <typename T, int L>
using Vec = typename VectorOf<T, L>::type;

#define DKSAN_INLINE inline __attribute__((always_inline))

template <int L, typename T>
DKSAN_INLINE Vec<T, L> load(const T* p) {
  Vec<T, L> v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}

template <typename T, typename V>
DKSAN_INLINE void store(T* p, V v) {
  std::memcpy(p, &v, sizeof(v));
}

template <int L, typename T>
DKSAN_INLINE void add_to(T* p, Vec<T, L> v) {
  store(p, load<L>(p) + v);
}

// By halving, in an order that the width alone decides.
template <typename T, int L>
DKSAN_INLINE T sum_lanes(Vec<T, L> v) {
  if constexpr (L == 1) {
    return v[0];
  } else {
    Vec<T, L / 2> half[2];
    std::memcpy(half, &v, sizeof(v));
    return sum_lanes<T, L / 2>(half[0] + half[1]);
  }
}

template <int N>
using Int = std::integral_constant<int, N>;

// Calls run(Int<lanes>, Int<vectors>) for rows of `width` = lanes * vectors.
template <typename T, typename Run>
void with_width(int width, const Run& run) {
  constexpr int L = kLanes<T>;
  if (width == 4 * L) return run(Int<L>{}, Int<4>{});
  if (width == 2 * L) return run(Int<L>{}, Int<2>{});
  if constexpr (L / 2 >= kMinLanes<T>)
    if (width == L / 2) return run(Int<L / 2>{}, Int<1>{});
  if constexpr (L / 4 >= kMinLanes<T>)
    if (width == L / 4) return run(Int<L / 4>{}, Int<1>{});
  run(Int<L>{}, Int<1>{});
}

}  // namespace dksan
