// Copyright (c) DKSAN-MM contributors.
// Conversion of tensors, which the Python side has checked, to pointers.
#pragma once

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/ScalarType.h>

#include <optional>
#include <vector>

#include "layout.h"
#include "taps.h"
#include "window.h"

namespace dksan {

using OptionalTensor = std::optional<at::Tensor>;

inline at::MemoryFormat format_of(const at::Tensor& x) {
  const bool last = !x.is_contiguous() &&
                    x.is_contiguous(at::MemoryFormat::ChannelsLast);
  return last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
}

// Returns x if it is contiguous or channels last, else a copy.
inline at::Tensor plain(const at::Tensor& x) {
  return x.contiguous(format_of(x));
}

// Asks for large pages for large new tensors. The system then allocates them in
// fewer steps, which take as long as the arithmetic for large images.
inline void advise(const at::Tensor& tensor) {
#ifdef MADV_HUGEPAGE
  constexpr uintptr_t kPage = 1 << 21;
  const auto start = reinterpret_cast<uintptr_t>(tensor.const_data_ptr());
  const uintptr_t first = (start + kPage - 1) / kPage * kPage;
  const uintptr_t last = (start + tensor.nbytes()) / kPage * kPage;
  if (first < last)  // failure does not matter: it is only advice
    madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#endif
}

// Returns a new tensor of the type and memory format of `x`.
inline at::Tensor empty_as(const at::Tensor& x, at::IntArrayRef sizes) {
  const at::Tensor tensor = at::empty(sizes, x.options(), format_of(x));
  advise(tensor);
  return tensor;
}

struct Settings {
  Geometry geometry;
  int64_t groups, offset_groups;
};

// Parses `s`: rows and columns of kernel, stride, padding, dilation and output,
// then scope, flat_edge, groups and offset groups.
inline Settings make_settings(const at::Tensor& x, at::IntArrayRef s) {
  TORCH_CHECK(s.size() == 14, "expected 14 settings, got ", s.size());
  TORCH_CHECK(x.size(2) * x.size(3) < (int64_t{1} << 30),
              "x must have fewer than 2^30 pixels per image");
  return {{x.size(2), x.size(3), s[8], s[9], s[0], s[1],  s[2],
           s[3],      s[4],      s[5], s[6], s[7], s[10], s[11] != 0},
          s[12],
          s[13]};
}

inline Stored stored_of(const at::Tensor& x) {
  if (x.scalar_type() == at::kBFloat16) return Stored::kBfloat16;
  if (x.scalar_type() == at::kHalf) return Stored::kFloat16;
  return Stored::kPlain;
}

// Checks the types. The arithmetic is in the type of the weights, which is
// that of x, or float32 if x has 16 bits.
inline void check_type(const at::Tensor& x, const at::Tensor& weight) {
  const bool wide = x.scalar_type() == weight.scalar_type();
  const bool half = stored_of(x) != Stored::kPlain &&
                    weight.scalar_type() == at::kFloat;
  TORCH_CHECK(wide || half, "x of ", x.scalar_type(), " and weight of ",
              weight.scalar_type());
}

// Returns image n of a plain tensor, from `channel` on.
template <typename T>
Image<T> image_of(const at::Tensor& x, int64_t n, int64_t channel) {
  const int64_t channels = x.size(1), pixels = x.size(2) * x.size(3);
  const bool last = format_of(x) == at::MemoryFormat::ChannelsLast;
  const Image<T> whole{static_cast<T*>(const_cast<void*>(x.const_data_ptr())),
                       last ? 1 : pixels, last ? channels : 1,
                       stored_of(x)};
  return moved(whole, n * channels * pixels + whole.place(channel, 0));
}

// Calls run(image, first pixel, last) in parallel for blocks of `block` pixels.
template <typename Run>
void for_pixels(int64_t images, int64_t pixels, const Run& run,
                int64_t block = kBlockPixels) {
  const int64_t blocks = blocks_of(pixels, block);
  at::parallel_for(0, images * blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % blocks * block;
      run(i / blocks, first, std::min(first + block, pixels));
    }
  });
}

template <typename T>
void copy_planes(const at::Tensor& from, const at::Tensor& to) {
  const int64_t channels = to.size(1), pixels = to.size(2) * to.size(3);
  for_pixels(to.size(0), pixels, [&](int64_t n, int64_t first, int64_t last) {
    const int64_t stride = from.stride(3);
    from_rows(from.const_data_ptr<T>() + n * from.stride(0) + first * stride,
              stride, image_of<T>(to, n, 0), first, last - first, channels);
  });
}

// Returns x if it is contiguous, else a copy. If the channels of a pixel are
// adjacent, the copy is made by our own transposition, because torch's takes
// several times as long.
inline at::Tensor planes(const at::Tensor& x) {
  const bool rows = x.stride(1) == 1 &&
                    x.stride(2) == x.stride(3) * x.size(3);
  if (x.is_contiguous() || !rows) return x.contiguous();
  const at::Tensor copy = at::empty(x.sizes(), x.options());
  if (x.scalar_type() == at::kFloat)
    copy_planes<float>(x, copy);
  else
    copy_planes<double>(x, copy);
  return copy;
}

// Rows of all segments of a batch. Each image has in_pixels + 1 rows; the last
// one contains zeros and is read outside the image.
template <typename T>
class BatchRows {
 public:
  BatchRows(const at::Tensor& x, const std::vector<Segment>& segments)
      : pixels_(x.size(2) * x.size(3)),
        width_(width_of(segments)),
        rows_(at::empty(
            {x.size(0), pixels_ + 1, width_},
            x.options().dtype(c10::CppTypeToScalarType<T>::value))) {
    T* data = rows_.template mutable_data_ptr<T>();
    for_pixels(x.size(0), pixels_, [&](int64_t n, int64_t first, int64_t last) {
      T* image = data + n * (pixels_ + 1) * width_;
      to_rows(image_of<const T>(x, n, 0), first, last - first, segments,
              width_, image + first * width_);
      if (last == pixels_) std::fill_n(image + pixels_ * width_, width_, T(0));
    });
  }

  const T* of_image(int64_t n) const {
    return rows_.template const_data_ptr<T>() + n * (pixels_ + 1) * width_;
  }

 private:
  int64_t pixels_, width_;
  at::Tensor rows_;
};

// Per-pixel inputs: image offsets, kernel offsets and mask.
class PixelInputs {
 public:
  PixelInputs(const OptionalTensor& image, const OptionalTensor& kernel,
              const OptionalTensor& mask, int64_t groups)
      : tensors_{hold(image), hold(kernel), hold(mask)}, groups_(groups) {}

  // Returns those of image n, one entry for each offset group.
  template <typename T>
  std::vector<Offsets<T>> of_image(int64_t n) const {
    std::vector<Offsets<T>> all;
    for (int64_t d = 0; d < groups_; ++d)
      all.push_back(
          {at<T>(0, n, d), at<T>(1, n, d), at<T>(2, n, d), plane()});
    return all;
  }

  const at::Tensor* begin() const { return tensors_; }
  const at::Tensor* end() const { return tensors_ + 3; }
  int64_t groups() const { return groups_; }

 private:
  int64_t plane() const {
    for (const at::Tensor& t : tensors_)
      if (t.defined()) return t.size(2) * t.size(3);
    return 0;
  }

  static at::Tensor hold(const OptionalTensor& tensor) {
    return tensor ? planes(*tensor) : at::Tensor();
  }

  template <typename T>
  const T* at(int i, int64_t n, int64_t group) const {
    const at::Tensor& t = tensors_[i];
    if (!t.defined()) return nullptr;
    const int64_t image = t.size(1) * t.size(2) * t.size(3);
    return t.const_data_ptr<T>() + n * image + group * (image / groups_);
  }

  at::Tensor tensors_[3];
  int64_t groups_;
};

// Gradients of the per-pixel inputs. Each of several segments with the same
// offsets writes a share; the shares are summed in a fixed order.
class PixelGrads {
 public:
  PixelGrads(const PixelInputs& inputs, const std::vector<Segment>& segments)
      : groups_(inputs.groups()) {
    int64_t shares = 1;
    for (const Segment& s : segments) shares = std::max(shares, s.share + 1);
    const bool all = shares * groups_ == static_cast<int64_t>(segments.size());
    for (const at::Tensor& t : inputs) {
      shares_.emplace_back();
      if (!t.defined()) continue;
      shares_.back() = at::empty(
          {shares, t.size(0), t.size(1), t.size(2), t.size(3)}, t.options());
      advise(shares_.back());
      if (!all) shares_.back().zero_();  // some groups have fewer shares
    }
  }

  template <typename T>
  OffsetGrads<T> of_segment(int64_t n, const Segment& s) const {
    return {at<T>(0, n, s), at<T>(1, n, s), at<T>(2, n, s)};
  }

  // Returns the gradients of the existing inputs, in order.
  template <typename T>
  void append_sums(std::vector<at::Tensor>& to) const {
    for (const at::Tensor& t : shares_) {
      if (!t.defined()) continue;
      to.push_back(t[0]);
      if (t.size(0) > 1) add_shares<T>(t);
    }
  }

 private:
  template <typename T>
  T* at(int i, int64_t n, const Segment& s) const {
    const at::Tensor& t = shares_[i];
    if (!t.defined()) return nullptr;
    const int64_t image = t.size(2) * t.size(3) * t.size(4);
    return t.mutable_data_ptr<T>() + (s.share * t.size(1) + n) * image +
           s.offset_group * (image / groups_);
  }

  // Adds the other shares to the first.
  template <typename T>
  static void add_shares(const at::Tensor& t) {
    const int64_t size = t.numel() / t.size(0), shares = t.size(0);
    T* first = t.mutable_data_ptr<T>();
    at::parallel_for(0, size, 65536, [&](int64_t begin, int64_t end) {
      for (int64_t s = 1; s < shares; ++s)
        for (int64_t i = begin; i < end; ++i) first[i] += first[s * size + i];
    });
  }

  std::vector<at::Tensor> shares_;
  int64_t groups_;
};

}  // namespace dksan
