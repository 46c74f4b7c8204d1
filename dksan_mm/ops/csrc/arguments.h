// Copyright (c) DKSAN-MM contributors.
// From tensors, checked by the Python side, to pointers.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <optional>
#include <vector>

#include "layout.h"
#include "taps.h"

namespace dksan {

inline at::MemoryFormat format_of(const at::Tensor& x) {
  const bool last = !x.is_contiguous() &&
                    x.is_contiguous(at::MemoryFormat::ChannelsLast);
  return last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
}

// As it is where contiguous or channels last, else copied.
inline at::Tensor plain(const at::Tensor& x) {
  return x.contiguous(format_of(x));
}

// `settings`: rows and columns of kernel, stride, padding, dilation and
// output, then scope and flat_edge.
inline Geometry make_geometry(const at::Tensor& x, at::IntArrayRef s) {
  TORCH_CHECK(s.size() == 12, "12 settings wanted, got ", s.size());
  TORCH_CHECK(x.size(2) * x.size(3) < (int64_t{1} << 30),
              "x must have fewer than 2^30 pixels an image");
  return {x.size(2), x.size(3), s[8], s[9], s[0], s[1],  s[2],
          s[3],      s[4],      s[5], s[6], s[7], s[10], s[11] != 0};
}

// Image n of a plain tensor, from `channel` on.
template <typename T>
Image<T> image_of(const at::Tensor& x, int64_t n, int64_t channel) {
  using Value = std::remove_const_t<T>;
  const int64_t channels = x.size(1), pixels = x.size(2) * x.size(3);
  const bool last = format_of(x) == at::MemoryFormat::ChannelsLast;
  const int64_t channel_stride = last ? 1 : pixels;
  T* data = const_cast<Value*>(x.const_data_ptr<Value>());
  return {data + n * channels * pixels + channel * channel_stride,
          channel_stride, last ? channels : 1};
}

// The per-pixel inputs: image offsets, kernel offsets and mask.
class PixelInputs {
 public:
  PixelInputs(const std::optional<at::Tensor>& image,
              const std::optional<at::Tensor>& kernel,
              const std::optional<at::Tensor>& mask)
      : tensors_{hold(image), hold(kernel), hold(mask)} {}

  template <typename T>
  Offsets<T> of_image(int64_t n) const {
    return {pointer<T>(0, n), pointer<T>(1, n), pointer<T>(2, n)};
  }

  const at::Tensor* begin() const { return tensors_; }
  const at::Tensor* end() const { return tensors_ + 3; }

 private:
  static at::Tensor hold(const std::optional<at::Tensor>& tensor) {
    return tensor ? tensor->contiguous() : at::Tensor();
  }

  template <typename T>
  const T* pointer(int i, int64_t n) const {
    const at::Tensor& t = tensors_[i];
    if (!t.defined()) return nullptr;
    return t.const_data_ptr<T>() + n * t.size(1) * t.size(2) * t.size(3);
  }

  at::Tensor tensors_[3];
};

// Gradients of the per-pixel inputs: one share for each chunk of channels,
// summed in their order.
class PixelGrads {
 public:
  PixelGrads(const PixelInputs& inputs, int64_t chunks) {
    for (const at::Tensor& t : inputs)
      shares_.push_back(t.defined()
                            ? at::empty({chunks, t.size(0), t.size(1),
                                         t.size(2), t.size(3)},
                                        t.options())
                            : at::Tensor());
  }

  template <typename T>
  OffsetGrads<T> of_image(int64_t chunk, int64_t n) const {
    return {pointer<T>(0, chunk, n), pointer<T>(1, chunk, n),
            pointer<T>(2, chunk, n)};
  }

  // Those of the inputs that are there.
  void append_sums(std::vector<at::Tensor>& to) const {
    for (const at::Tensor& t : shares_)
      if (t.defined()) to.push_back(t.size(0) == 1 ? t[0] : t.sum(0));
  }

 private:
  template <typename T>
  T* pointer(int i, int64_t chunk, int64_t n) const {
    const at::Tensor& t = shares_[i];
    if (!t.defined()) return nullptr;
    return t.mutable_data_ptr<T>() + chunk * t.stride(0) + n * t.stride(1);
  }

  std::vector<at::Tensor> shares_;
};

}  // namespace dksan
