// Copyright (c) DKSAN-MM contributors.
// The form with a matrix product, for any number of groups, as torch
// operators: columns of a band of output pixels that stays in cache, times
// the weights.
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/InferenceMode.h>
#include <torch/library.h>

#include "arguments.h"
#include "columns.h"

namespace dksan {
namespace {

using at::Tensor;

// Output pixels of a band: its columns take about half a megabyte in the
// common case of 128 channels and 9 cells.
constexpr int64_t kBand = 128;
constexpr int64_t kPixelBlock = 512;

// Neighbouring segments with their weights, (out, cell * width), zeros where
// a segment is wider than its channels.
class Panel {
 public:
  template <typename T>
  static Panel pack(const Tensor& weight, const std::vector<Segment>& segments,
                    int64_t width, int64_t groups) {
    const int64_t outs = weight.size(0) / groups, cells = weight.size(2);
    const int64_t inputs = weight.size(1), group = segments[0].group;
    Panel panel{at::zeros({outs, cells * width}, weight.options()),
                group * outs, outs, width};
    const T* from = weight.const_data_ptr<T>() + group * outs * inputs * cells;
    T* to = panel.weight.mutable_data_ptr<T>();
    panel.each(segments, inputs, cells, [&](int64_t packed, int64_t stored) {
      to[packed] = from[stored];
    });
    return panel;
  }

  // Adds `grad`, as `weight`, to the gradient of all weights.
  template <typename T>
  void unpack(const Tensor& grad, const std::vector<Segment>& segments,
              const Tensor& grad_weight) const {
    const int64_t inputs = grad_weight.size(1), cells = grad_weight.size(2);
    const T* from = grad.const_data_ptr<T>();
    T* to = grad_weight.mutable_data_ptr<T>() + first_out * inputs * cells;
    each(segments, inputs, cells, [&](int64_t packed, int64_t stored) {
      to[stored] += from[packed];
    });
  }

  Tensor weight;
  int64_t first_out, outs, width;

 private:
  template <typename Run>
  void each(const std::vector<Segment>& segments, int64_t inputs,
            int64_t cells, const Run& run) const {
    const int64_t base = segments[0].start;
    for (int64_t o = 0; o < outs; ++o)
      for (const Segment& s : segments) {
        const int64_t channel = s.channel - s.group * inputs;
        for (int64_t c = 0; c < s.channels; ++c)
          for (int64_t cell = 0; cell < cells; ++cell)
            run((o * cells + cell) * width + s.start - base + c,
                (o * inputs + channel + c) * cells + cell);
      }
  }
};

// Image n as a matrix (channel, pixel).
Tensor matrix_of(const Tensor& x, int64_t n) {
  const bool last = format_of(x) == at::MemoryFormat::ChannelsLast;
  const int64_t channels = x.size(1), pixels = x.size(2) * x.size(3);
  return last ? x[n].as_strided({channels, pixels}, {1, channels},
                                n * channels * pixels + x.storage_offset())
              : x[n].view({channels, pixels});
}

// Rows of all segments of image n, and one of zeros.
template <typename T>
void fill_rows(const Tensor& x, int64_t n, const Geometry& g,
               const std::vector<Segment>& segments, int64_t width, T* rows) {
  const int64_t pixels = g.in_pixels();
  const int64_t blocks = (pixels + kPixelBlock - 1) / kPixelBlock;
  at::parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t first = begin * kPixelBlock;
         first < std::min(end * kPixelBlock, pixels); first += kPixelBlock)
      for (const Segment& s : segments)
        to_rows(image_of<const T>(x, n, s.channel), first,
                std::min(kPixelBlock, pixels - first), s.channels, s.width,
                width, rows + first * width + s.start);
  });
  std::fill_n(rows + pixels * width, width, T(0));
}

std::vector<std::vector<Segment>> by_group(
    const std::vector<Segment>& segments, int64_t groups) {
  std::vector<std::vector<Segment>> all(groups);
  for (const Segment& s : segments) all[s.group].push_back(s);
  return all;
}

int64_t width_of(const std::vector<Segment>& segments) {
  int64_t width = 0;
  for (const Segment& s : segments) width += s.width;
  return width;
}

template <typename T>
void forward_bands(const Settings& settings, const PixelInputs& inputs,
                   const std::vector<Segment>& segments, const Tensor& weight,
                   const Tensor& x, const Tensor& out) {
  const Geometry& g = settings.geometry;
  const int64_t width = width_of(segments), cells = weight.size(2);
  std::vector<Panel> panels;
  std::vector<int64_t> starts;
  for (const auto& group : by_group(segments, settings.groups)) {
    starts.push_back(group[0].start);
    panels.push_back(Panel::pack<T>(weight, group, width_of(group),
                                    settings.groups));
  }
  const Tensor rows = at::empty({g.in_pixels() + 1, width}, x.options());
  const Rows<const T> from{rows.const_data_ptr<T>(), width};
  const int64_t bands = (g.out_pixels() + kBand - 1) / kBand;
  for (int64_t n = 0; n < x.size(0); ++n) {
    fill_rows<T>(x, n, g, segments, width, rows.mutable_data_ptr<T>());
    const Tensor image = matrix_of(out, n);
    const auto offsets = inputs.of_image<T>(n);
    at::parallel_for(0, bands, 1, [&](int64_t begin, int64_t end) {
      const at::AutoDispatchBelowADInplaceOrView guard;
      const Tensor scratch = at::empty({kBand, cells, width}, x.options());
      for (int64_t first = begin * kBand;
           first < std::min(end * kBand, g.out_pixels()); first += kBand) {
        const Band band{first, std::min(kBand, g.out_pixels() - first), cells,
                        width};
        columns_forward<T>(g, segments, offsets, from, band,
                           scratch.mutable_data_ptr<T>());
        const Tensor columns = scratch.narrow(0, 0, band.count);
        for (size_t i = 0; i < panels.size(); ++i) {
          const Panel& panel = panels[i];
          const Tensor part = columns.narrow(2, starts[i], panel.width)
                                  .reshape({band.count, -1});
          Tensor to = image.narrow(0, panel.first_out, panel.outs)
                          .narrow(1, first, band.count);
          at::mm_out(to, panel.weight, part.t());
        }
      }
    });
  }
}

Tensor forward_op(const Tensor& x_any, const Tensor& weight_any,
                  const OptionalTensor& image_offset,
                  const OptionalTensor& kernel_offset,
                  const OptionalTensor& mask, at::IntArrayRef numbers) {
  const Tensor x = plain(x_any), weight = weight_any.contiguous();
  const Settings settings = make_settings(x, numbers);
  const Geometry& g = settings.geometry;
  const PixelInputs inputs(image_offset, kernel_offset, mask,
                           settings.offset_groups);
  const Tensor out =
      at::empty({x.size(0), weight.size(0), g.out_height, g.out_width},
                x.options(), format_of(x));
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "dense_forward", [&] {
    forward_bands<scalar_t>(
        settings, inputs,
        cut<scalar_t>(x.size(1), settings.offset_groups, settings.groups),
        weight, x, out);
  });
  return out;
}

// What the tasks of a backward pass share.
struct Backward {
  const Settings& settings;
  const PixelInputs& inputs;
  const PixelGrads& grads;
  const Tensor &grad_out, &x, &grad_x;
};

// One image, one chunk. `grad_panel` is added to.
template <typename T>
void backward_chunk(const Backward& b, int64_t n, const Chunk& chunk,
                    const Panel& panel, Tensor& grad_panel) {
  const Geometry& g = b.settings.geometry;
  const int64_t width = chunk.width, pixels = g.in_pixels();
  const int64_t cells = panel.weight.size(1) / width;
  std::vector<T> x_rows((pixels + 1) * width), grad_rows(x_rows.size());
  std::vector<OffsetGrads<T>> grads;
  for (const Segment& s : chunk.segments) {
    to_rows(image_of<const T>(b.x, n, s.channel), 0, pixels, s.channels,
            s.width, width, x_rows.data() + s.start);
    grads.push_back(b.grads.of_segment<T>(n, s));
  }
  const auto offsets = b.inputs.of_image<T>(n);
  const Tensor grad_out =
      matrix_of(b.grad_out, n).narrow(0, panel.first_out, panel.outs);
  const Tensor scratch = at::empty({2, kBand, cells * width}, b.x.options());
  for (int64_t first = 0; first < g.out_pixels(); first += kBand) {
    const Band band{first, std::min(kBand, g.out_pixels() - first), cells,
                    width};
    const Tensor grad = grad_out.narrow(1, first, band.count);
    Tensor columns = scratch[0].narrow(0, 0, band.count);
    Tensor grad_columns = scratch[1].narrow(0, 0, band.count);
    at::mm_out(grad_columns, grad.t(), panel.weight);
    columns_backward<T>(g, chunk.segments, offsets, {x_rows.data(), width},
                        band, grad_columns.const_data_ptr<T>(),
                        columns.mutable_data_ptr<T>(),
                        {grad_rows.data(), width}, grads);
    grad_panel.addmm_(grad, columns);
  }
  for (const Segment& s : chunk.segments)
    from_rows(grad_rows.data() + s.start, width,
              image_of<T>(b.grad_x, n, s.channel), 0, pixels, s.channels);
}

// All images; returns the weights' gradient. Blocks of images sum theirs
// apart, as many as the sizes (not the threads) ask for.
template <typename T>
Tensor backward_all(const Backward& b, const std::vector<Segment>& segments,
                    const Tensor& weight) {
  const std::vector<Chunk> chunks = make_chunks<T>(segments);
  const int64_t images = b.x.size(0), pieces = chunks.size();
  const int64_t blocks =
      std::min<int64_t>(images, std::max<int64_t>(1, 32 / pieces));
  std::vector<Panel> panels;
  std::vector<Tensor> grads;
  for (const Chunk& c : chunks)
    panels.push_back(Panel::pack<T>(weight, c.segments, c.width,
                                    b.settings.groups));
  for (int64_t i = 0; i < blocks * pieces; ++i)
    grads.push_back(at::zeros_like(panels[i % pieces].weight));
  at::parallel_for(0, blocks * pieces, 1, [&](int64_t begin, int64_t end) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    for (int64_t i = begin; i < end; ++i)
      for (int64_t n = i / pieces; n < images; n += blocks)
        backward_chunk<T>(b, n, chunks[i % pieces], panels[i % pieces],
                          grads[i]);
  });
  const Tensor grad_weight = at::zeros_like(weight);
  for (int64_t i = 0; i < blocks * pieces; ++i)
    panels[i % pieces].unpack<T>(grads[i], chunks[i % pieces].segments,
                                 grad_weight);
  return grad_weight;
}

// Gradients of x, weight and those per-pixel inputs that are there, in order.
std::vector<Tensor> backward_op(const Tensor& grad_out_any,
                                const Tensor& x_any, const Tensor& weight_any,
                                const OptionalTensor& image_offset,
                                const OptionalTensor& kernel_offset,
                                const OptionalTensor& mask,
                                at::IntArrayRef numbers) {
  const Tensor x = plain(x_any), weight = weight_any.contiguous();
  const Tensor grad_out = plain(grad_out_any);
  const Settings settings = make_settings(x, numbers);
  const PixelInputs inputs(image_offset, kernel_offset, mask,
                           settings.offset_groups);
  const Tensor grad_x = at::empty_like(x);
  std::vector<Tensor> result;
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "dense_backward", [&] {
    const auto segments = cut<scalar_t>(x.size(1), settings.offset_groups,
                                        settings.groups);
    const PixelGrads grads(inputs, segments);
    const Backward b{settings, inputs, grads, grad_out, x, grad_x};
    result = {grad_x, backward_all<scalar_t>(b, segments, weight)};
    grads.append_sums(result);
  });
  return result;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(dksan_mm, m) {
  m.def(
      "dense_forward(Tensor x, Tensor weight, Tensor? image_offset, "
      "Tensor? kernel_offset, Tensor? mask, int[] settings) -> Tensor");
  m.def(
      "dense_backward(Tensor grad_out, Tensor x, Tensor weight, "
      "Tensor? image_offset, Tensor? kernel_offset, Tensor? mask, "
      "int[] settings) -> Tensor[]");
}

TORCH_LIBRARY_IMPL(dksan_mm, CPU, m) {
  m.impl("dense_forward", &forward_op);
  m.impl("dense_backward", &backward_op);
}

}  // namespace dksan
