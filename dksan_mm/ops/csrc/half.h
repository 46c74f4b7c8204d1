// Copyright (c) DKSAN-MM contributors.
// Half precision in memory, float32 in arithmetic. Compilers can vectorise
// these loops for any width, without instructions that few processors have.
#pragma once

#include <cstdint>
#include <cstring>

namespace dksan {

// Type of an image's numbers in memory: that of the arithmetic, or 16 bits.
enum class Stored { kPlain, kBfloat16, kFloat16 };

template <typename To, typename From>
inline To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

// bfloat16 is the upper half of a float32.
inline float from_bfloat16(uint16_t half) {
  return bits_as<float>(static_cast<uint32_t>(half) << 16);
}

// Rounds to nearest, ties to even; NaN remains NaN.
inline uint16_t to_bfloat16(float value) {
  const uint32_t bits = bits_as<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return static_cast<uint16_t>(value == value ? rounded
                                              : (bits >> 16 | 0x40));
}

// Below 2^-14, float16 has steps of 2^-24. With exponent 31, it is not finite.
inline float from_float16(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t size = half & 0x7fff;
  const uint32_t small =
      bits_as<uint32_t>(static_cast<float>(static_cast<int32_t>(size)) *
                        (1.f / (1 << 24)));
  const uint32_t normal = (size << 13) + (112u << 23);
  const uint32_t far = (size << 13) | 0x7f800000u;
  const uint32_t bits =
      size < 0x400 ? small : (size < 0x7c00 ? normal : far);
  return bits_as<float>(sign | bits);
}

// Rounds to nearest, ties to even. Adding 1/2 rounds to steps of 2^-24; from
// 65520 on, the sum reaches the exponent of infinity.
inline uint16_t to_float16(float value) {
  const uint32_t bits = bits_as<uint32_t>(value);
  const uint32_t sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
  const uint32_t small =
      bits_as<uint32_t>(bits_as<float>(size) + .5f) - 0x3f000000u;
  const uint32_t normal =
      (size - (112u << 23) + 0xfff + (size >> 13 & 1)) >> 13;
  const uint32_t far = size > 0x7f800000u ? 0x7e00 : 0x7c00;
  const uint32_t half =
      size < (113u << 23) ? small : (size < (143u << 23) ? normal : far);
  return static_cast<uint16_t>(sign | half);
}

inline void widen(Stored stored, const uint16_t* from, int64_t count,
                  float* to) {
  if (stored == Stored::kBfloat16) {
#pragma GCC ivdep
    for (int64_t i = 0; i < count; ++i) to[i] = from_bfloat16(from[i]);
  } else {
#pragma GCC ivdep
    for (int64_t i = 0; i < count; ++i) to[i] = from_float16(from[i]);
  }
}

inline void narrow(Stored stored, const float* from, int64_t count,
                   uint16_t* to) {
  if (stored == Stored::kBfloat16) {
#pragma GCC ivdep
    for (int64_t i = 0; i < count; ++i) to[i] = to_bfloat16(from[i]);
  } else {
#pragma GCC ivdep
    for (int64_t i = 0; i < count; ++i) to[i] = to_float16(from[i]);
  }
}

}  // namespace dksan
