// Copyright (c) DKSAN-MM contributors.
// torch operator of the backward pass of the depthwise form.
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include "arguments.h"
#include "depthwise.h"
#include "depthwise_op.h"

namespace dksan {
namespace {

using at::Tensor;

template <typename T>
void write_table(const std::vector<T>& table, const Segment& segment,
                 int64_t n, const Tensor& grad_weight) {
  const int64_t cells = grad_weight.size(2);
  T* to = grad_weight.mutable_data_ptr<T>() +
          (n * grad_weight.size(1) + segment.channel) * cells;
  for (int64_t c = 0; c < segment.channels; ++c)
    for (int64_t s = 0; s < cells; ++s)
      to[c * cells + s] = table[s * segment.width + c];
}

// Returns the larger part of `own` before or after `other`.
Lines apart_from(const Lines& own, const Lines& other) {
  if (other.last <= std::max(own.first, other.first)) return own;  // none
  const Lines before{own.first, std::min(own.last, other.first)};
  const Lines after{std::max(own.first, other.last), own.last};
  const Lines& larger = number_of(before) >= number_of(after) ? before : after;
  return {larger.first, std::max(larger.first, larger.last)};
}

// Divides the blocks of an image into `count` strips.
std::vector<Strip> strips_of(const std::vector<Lines>& reads, int64_t count) {
  const int64_t blocks = reads.size();
  std::vector<Strip> strips;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t first = i * blocks / count, last = (i + 1) * blocks / count;
    strips.push_back(
        {first, windows_of(reads.data() + first, last - first), {}});
  }
  for (Strip& strip : strips) {
    strip.own = strip.reach();
    for (const Strip& other : strips)
      if (&other != &strip) strip.own = apart_from(strip.own, other.reach());
  }
  return strips;
}

// Returns whether a strip owns a line.
bool is_own(const std::vector<Strip>& strips, int64_t line) {
  return std::any_of(strips.begin(), strips.end(), [&](const Strip& strip) {
    return strip.own.first <= line && line < strip.own.last;
  });
}

// Returns the maximum number of strips of an image. Each must be far taller
// than the area that it reads beyond its own lines.
int64_t room_for_strips(const Geometry& g,
                        const std::vector<std::vector<Lines>>& reads) {
  const int64_t room = g.height / (4 * tallest_of_all(reads));
  return std::max<int64_t>(
      std::min(room, blocks_of(g.out_pixels())), 1);
}

// Returns the number of strips per image, enough for many threads. It does not
// depend on the number of threads, so neither does the order of sums.
int64_t number_of_strips(int64_t room, int64_t pieces) {
  constexpr int64_t kTasks = 16;
  return std::min((kTasks + pieces - 1) / pieces, room);
}

// Data for the backward pass of a task: one segment of one strip.
template <typename T>
class Backward {
 public:
  Backward(const Geometry& g, const PixelInputs& inputs, const Tensor& x,
           const Tensor& weight, const Tensor& grad_out)
      : g_(g),
        inputs_(inputs),
        x_(x),
        weight_(weight),
        grad_out_(grad_out),
        images_(x.size(0)),
        reads_(lines_of_blocks<T>(g, inputs, images_)),
        room_(room_for_strips(g, reads_)),
        segments_(
            cut<T>(x.size(1), 1, 1, widest<T>(images_ * room_, x.size(1)))),
        number_(number_of_strips(
            room_, std::max<int64_t>(images_ * pieces(), 1))),
        grad_x_(empty_as(x, x.sizes())),
        grad_weight_(at::empty(
            {images_ * number_, weight.size(0), weight.size(1)},
            weight.options())),
        grads_(inputs, segments_) {
    for (const auto& reads : reads_)
      strips_.push_back(strips_of(reads, number_));
  }

  std::vector<Tensor> run() {
    std::vector<std::vector<T>> spills(images_ * number_ * pieces());
    for_all(images_ * number_ * pieces(), [&](int64_t i) {
      const int64_t n = i / pieces() / number_;
      run_task(n, i / pieces() % number_, segments_[i % pieces()], spills[i]);
    });
    for_all(images_ * pieces(), [&](int64_t i) {
      put_shared_lines(i / pieces(), i % pieces(), spills);
    });
    std::vector<Tensor> result{grad_x_, grad_weight_.sum(0)};
    grads_.template append_sums<T>(result);
    return result;
  }

 private:
  int64_t pieces() const { return segments_.size(); }

  template <typename Run>
  static void for_all(int64_t count, const Run& run) {
    at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) run(i);
    });
  }

  void run_task(int64_t n, int64_t s, const Segment& segment,
                std::vector<T>& spill) const {
    std::vector<T> table(weight_.size(1) * segment.width);
    fill_table(weight_, segment, segment.width, table.data());
    std::vector<T> grad_table(table.size());
    const Strip& strip = strips_[n][s];
    spill.resize(spilled(strip) * segment.channels);
    depthwise_backward<T>(
        g_, segment, strip, inputs_.template of_image<T>(n)[0],
        image_of<const T>(x_, n, segment.channel), table.data(),
        image_of<const T>(grad_out_, n, segment.channel),
        {image_of<T>(grad_x_, n, segment.channel),
         spill_image(strip, segment, spill)},
        grad_table.data(), grads_.template of_segment<T>(n, segment));
    write_table<T>(grad_table, segment, n * number_ + s, grad_weight_);
  }

  int64_t spilled(const Strip& strip) const {
    return (strip.number_before() + strip.number_after()) * g_.width;
  }

  Image<T> spill_image(const Strip& strip, const Segment& segment,
                       const std::vector<T>& spill) const {
    const bool last = format_of(x_) == at::MemoryFormat::ChannelsLast;
    T* data = const_cast<T*>(spill.data());
    if (last) return {data, 1, segment.channels};
    return {data, spilled(strip), 1};
  }

  // Stores the lines that no strip owns; zeros if no strip reads them.
  void put_shared_lines(int64_t n, int64_t piece,
                        const std::vector<std::vector<T>>& spills) const {
    const Segment& segment = segments_[piece];
    const bool last = format_of(x_) == at::MemoryFormat::ChannelsLast;
    std::vector<T> sum(g_.width * segment.channels);
    const Image<T> line{sum.data(), last ? 1 : g_.width,
                        last ? segment.channels : 1};
    for (int64_t y = 0; y < g_.height; ++y) {
      if (is_own(strips_[n], y)) continue;
      std::fill(sum.begin(), sum.end(), T(0));
      for (int64_t s = 0; s < number_; ++s)
        add_spill(strips_[n][s], segment,
                  spills[(n * number_ + s) * pieces() + piece], y, line);
      copy_pixels(line, image_of<T>(grad_x_, n, segment.channel),
                  y * g_.width, g_.width, segment.channels);
    }
  }

  // Adds the contribution of a strip to line y.
  void add_spill(const Strip& strip, const Segment& segment,
                 const std::vector<T>& spill, int64_t y,
                 const Image<T>& line) const {
    const Lines before = strip.before(), after = strip.after();
    const auto add = [&](const Lines& part, int64_t start) {
      if (part.first <= y && y < part.last)
        add_pixels(spill_image(strip, segment, spill),
                   (y - part.first + start) * g_.width, line, 0, g_.width,
                   segment.channels);
    };
    add(before, 0);
    add(after, strip.number_before());
  }

  const Geometry& g_;
  const PixelInputs& inputs_;
  const Tensor &x_, &weight_, &grad_out_;
  const int64_t images_;
  const std::vector<std::vector<Lines>> reads_;
  const int64_t room_;
  const std::vector<Segment> segments_;
  const int64_t number_;  // of strips per image
  const Tensor grad_x_, grad_weight_;
  const PixelGrads grads_;
  std::vector<std::vector<Strip>> strips_;
};

// Computes gradients of x, weight and the existing per-pixel inputs, in order.
std::vector<Tensor> backward_op(const Tensor& grad_out_any,
                                const Tensor& x_any, const Tensor& weight_any,
                                const OptionalTensor& image_offset,
                                const OptionalTensor& kernel_offset,
                                const OptionalTensor& mask,
                                at::IntArrayRef settings) {
  const Tensor x = plain(x_any), weight = weight_any.contiguous();
  check_type(x, weight);
  const Tensor grad_out = plain(grad_out_any);
  const Geometry g = make_settings(x, settings).geometry;
  const PixelInputs inputs(image_offset, kernel_offset, mask, 1);
  std::vector<Tensor> result;
  AT_DISPATCH_FLOATING_TYPES(weight.scalar_type(), "depthwise_backward", [&] {
    result = Backward<scalar_t>(g, inputs, x, weight, grad_out).run();
  });
  return result;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(dksan_mm, m) {
  m.def(
      "depthwise_backward(Tensor grad_out, Tensor x, Tensor weight, "
      "Tensor? image_offset, Tensor? kernel_offset, Tensor? mask, "
      "SymInt[] settings) -> Tensor[]");
}

TORCH_LIBRARY_IMPL(dksan_mm, CPU, m) {
  m.impl("depthwise_backward", &backward_op);
}

}  // namespace dksan
