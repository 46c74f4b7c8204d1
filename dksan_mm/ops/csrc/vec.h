// Copyright (c) DKSAN-MM contributors.
// SIMD vectors of any width, with the vector extensions of the compilers.
#pragma once

#include <cstring>
#include <type_traits>
#include <utility>

namespace dksan {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

// Number of lanes of the widest and of the narrowest vector.
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

// Sums the lanes by halving, in an order that depends only on the width.
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

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define DKSAN_SHUFFLE 1
#endif
#endif

#ifdef DKSAN_SHUFFLE
// Exchanges adjacent groups of H lanes between two vectors: the odd groups of
// `a` and the even groups of `b`. `kHigh`: return the second vector.
template <int H, bool kHigh, typename V, size_t... J>
DKSAN_INLINE V exchange(V a, V b, std::index_sequence<J...>) {
  constexpr int L = sizeof...(J);
  return __builtin_shufflevector(
      a, b,
      (kHigh ? ((J & H) ? int(J) + L : int(J) + H)
             : ((J & H) ? int(J) + L - H : int(J)))...);
}

// Returns partial sums: half of the lanes are those of `a`, half those of `b`.
template <int H, int L, typename V>
DKSAN_INLINE V add_halves(V a, V b) {
  constexpr auto kLane = std::make_index_sequence<L>{};
  return exchange<H, false>(a, b, kLane) + exchange<H, true>(a, b, kLane);
}

template <int H, int L, typename V>
DKSAN_INLINE V add_groups(V v) {
  if constexpr (H == 0) {
    return v;
  } else {
    return add_groups<H / 2, L>(add_halves<H, L>(v, v));
  }
}
#endif

// Returns the sums of the lanes of four vectors.
template <typename T, int L>
DKSAN_INLINE void sum_lanes_of_four(Vec<T, L> a, Vec<T, L> b, Vec<T, L> c,
                                    Vec<T, L> d, T (&sums)[4]) {
#ifdef DKSAN_SHUFFLE
  if constexpr (L >= 4) {
    const Vec<T, L> all = add_groups<L / 8, L>(add_halves<L / 4, L>(
        add_halves<L / 2, L>(a, b), add_halves<L / 2, L>(c, d)));
    sums[0] = all[0];
    sums[1] = all[L / 2];
    sums[2] = all[L / 4];
    sums[3] = all[3 * L / 4];
    return;
  }
#endif
  sums[0] = sum_lanes<T, L>(a);
  sums[1] = sum_lanes<T, L>(b);
  sums[2] = sum_lanes<T, L>(c);
  sums[3] = sum_lanes<T, L>(d);
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
