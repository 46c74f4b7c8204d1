// Copyright (c) DKSAN-MM contributors.
// The widest SIMD vector of the machine, by the compilers' vector extension.
#pragma once

#include <cstdint>
#include <cstring>

namespace dksan {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <typename T>
constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

// Channels are padded to this many, so that every row is whole vectors.
constexpr int64_t kChannelPad = 16;

template <typename T>
struct VectorOf;
template <>
struct VectorOf<float> {
  typedef float type __attribute__((vector_size(kVectorBytes)));
};
template <>
struct VectorOf<double> {
  typedef double type __attribute__((vector_size(kVectorBytes)));
};
template <typename T>
using Vec = typename VectorOf<T>::type;

template <typename T>
inline __attribute__((always_inline)) Vec<T> load(const T* p) {
  Vec<T> v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}

template <typename T>
inline __attribute__((always_inline)) void store(T* p, Vec<T> v) {
  std::memcpy(p, &v, sizeof(v));
}

// The sum of the lanes, by halving: the same order on every machine width.
template <typename T>
inline __attribute__((always_inline)) T sum_lanes(Vec<T> v) {
  T lane[kLanes<T>];
  std::memcpy(lane, &v, sizeof(v));
  for (int width = kLanes<T> / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) lane[i] += lane[i + width];
  return lane[0];
}

}  // namespace dksan
