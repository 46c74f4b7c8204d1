// Copyright (c) DKSAN-MM contributors.
// The operator's C++ code without torch, for processors that only an emulator
// has. Reads float64 numbers from standard input: settings, then one image,
// its weights, offsets, mask and the gradient of its output. Writes the
// output and all gradients, float64 too. Argument: the type to compute in.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "dense.h"
#include "depthwise.h"

namespace dksan {
namespace {

template <typename T>
std::vector<T> read(int64_t count) {
  std::vector<double> values(count);
  const size_t got = std::fread(values.data(), sizeof(double), count, stdin);
  if (got != values.size()) std::exit(2);
  return {values.begin(), values.end()};
}

template <typename T>
void write(const std::vector<T>& values) {
  const std::vector<double> wide(values.begin(), values.end());
  std::fwrite(wide.data(), sizeof(double), wide.size(), stdout);
}

template <typename T>
struct Run {
  Geometry g;
  int64_t channels, outs, groups, cells;
  std::vector<T> x, weight, image, kernel, mask, grad_out;
  std::vector<T> out, grad_x, grad_weight, grad_image, grad_kernel, grad_mask;

  // Settings: those of Geometry in order, channels, outputs, groups, whether
  // there are kernel offsets.
  explicit Run(const std::vector<int64_t>& s)
      : g{s[0], s[1], s[2],  s[3],  s[4],  s[5],     s[6],
          s[7], s[8], s[9], s[10], s[11], s[12], s[13] != 0},
        channels(s[14]),
        outs(s[15]),
        groups(s[16]),
        cells(s[17] ? g.scope * g.scope : g.taps()),
        x(read<T>(channels * g.in_pixels())),
        weight(read<T>(outs * (channels / groups) * cells)),
        image(read<T>(2 * g.taps() * g.out_pixels())),
        kernel(read<T>(s[17] ? image.size() : 0)),
        mask(read<T>(g.taps() * g.out_pixels())),
        grad_out(read<T>(outs * g.out_pixels())),
        out(grad_out.size()),
        grad_x(x.size()),
        grad_weight(weight.size()),
        grad_image(image.size()),
        grad_kernel(kernel.size()),
        grad_mask(mask.size()) {}

  Offsets<T> offsets() const {
    return {image.data(), kernel.empty() ? nullptr : kernel.data(),
            mask.data(), g.out_pixels()};
  }

  OffsetGrads<T> offset_grads() {
    return {grad_image.data(), kernel.empty() ? nullptr : grad_kernel.data(),
            grad_mask.data()};
  }

  // From channel `first` on.
  static Image<const T> input(const std::vector<T>& maps, int64_t pixels,
                              int64_t first = 0) {
    return {maps.data() + first * pixels, pixels, 1};
  }
  static Image<T> image_of(std::vector<T>& maps, int64_t pixels,
                           int64_t first = 0) {
    return {maps.data() + first * pixels, pixels, 1};
  }

  std::vector<T> rows_of(const std::vector<Segment>& segments) const {
    const int64_t width = width_of(segments), pixels = g.in_pixels();
    std::vector<T> rows((pixels + 1) * width);
    for (const Segment& s : segments)
      to_rows(input(x, pixels, s.channel), 0, pixels, s.channels, s.width,
              width, rows.data() + s.start);
    return rows;
  }

  // What each block of output pixels reads.
  std::vector<Lines> windows(int64_t block) const {
    std::vector<Lines> reads;
    for (int64_t at = 0; at < g.out_pixels(); at += block)
      reads.push_back(lines_read(g, image.data(), at,
                                 std::min(at + block, g.out_pixels())));
    return windows_of(reads.data(), reads.size());
  }

  void fill_table(const Segment& s, int64_t width, T* table) const {
    for (int64_t c = 0; c < s.channels; ++c)
      for (int64_t cell = 0; cell < cells; ++cell)
        table[cell * width + c] = weight[(s.channel + c) * cells + cell];
  }

  void depthwise() {
    for (Segment s : cut<T>(channels, 1, 1, 4 * kLanes<T>)) {
      s.start = 0;
      const std::vector<T> rows = rows_of({s});
      std::vector<T> table(cells * s.width);
      fill_table(s, s.width, table.data());
      for (int64_t at = 0; at < g.out_pixels(); at += kBlockPixels)
        depthwise_forward<T>(g, s, offsets(), rows.data(), all_lines(g),
                             table.data(), at,
                             std::min(at + kBlockPixels, g.out_pixels()),
                             image_of(out, g.out_pixels(), s.channel));
    }
    depthwise_gradients();
  }

  void depthwise_gradients() {
    const Image<T> none{nullptr, 0, 1};
    const Strip strip{0, windows(kBlockPixels), {0, g.height}};
    for (const Segment& s : cut<T>(channels, 1, 1, 4 * kLanes<T>)) {
      std::vector<T> table(cells * s.width), grad_table(table.size());
      fill_table(s, s.width, table.data());
      Run share = *this;
      depthwise_backward<T>(
          g, s, strip, offsets(), input(x, g.in_pixels(), s.channel),
          table.data(), input(grad_out, g.out_pixels(), s.channel),
          {image_of(grad_x, g.in_pixels(), s.channel), none},
          grad_table.data(), share.offset_grads());
      for (int64_t c = 0; c < s.channels; ++c)
        for (int64_t cell = 0; cell < cells; ++cell)
          grad_weight[(s.channel + c) * cells + cell] =
              grad_table[cell * s.width + c];
      add_offset_grads(share);
    }
  }

  void add_offset_grads(const Run& share) {
    const auto add = [](std::vector<T>& to, const std::vector<T>& from) {
      for (size_t i = 0; i < to.size(); ++i) to[i] += from[i];
    };
    add(grad_image, share.grad_image);
    add(grad_kernel, share.grad_kernel);
    add(grad_mask, share.grad_mask);
  }

  void dense() {
    const auto segments = cut<T>(channels, 1, groups, 4 * kLanes<T>);
    const Weights<const T> weights{weight.data(), outs / groups,
                                   channels / groups, cells};
    for (const Chunk& chunk : join(segments, 4 * channels)) {
      const DenseChunk part(chunk, weights);
      const std::vector<T> packed = part.pack(weight.data());
      dense_forward<T>(g, part, {offsets()},
                       rows_of(chunk.segments).data(), all_lines(g),
                       packed.data(), nullptr, 0, g.out_pixels(),
                       image_of(out, g.out_pixels()));
      dense_gradients(part);
    }
  }

  void dense_gradients(const DenseChunk& part) {
    const std::vector<T> packed = part.pack_transposed(weight.data());
    std::vector<T> grad_packed(part.outs * part.stride);
    const int64_t count = part.chunk.segments.size();
    std::vector<Run> shares(count, *this);
    std::vector<OffsetGrads<T>> grads;
    for (Run& share : shares) grads.push_back(share.offset_grads());
    dense_backward<T>(g, part, windows(kBand), {offsets()},
                      input(x, g.in_pixels()), packed.data(),
                      input(grad_out, g.out_pixels()),
                      image_of(grad_x, g.in_pixels()), grad_packed.data(),
                      grads);
    part.unpack(grad_packed.data(), grad_weight.data());
    for (const Run& share : shares) add_offset_grads(share);
  }

  void run() {
    groups == channels ? depthwise() : dense();
    for (const auto* values : {&out, &grad_x, &grad_weight, &grad_image,
                               &grad_kernel, &grad_mask})
      write(*values);
  }
};

}  // namespace
}  // namespace dksan

int main(int, char** arguments) {
  const auto settings = dksan::read<int64_t>(18);
  if (std::strcmp(arguments[1], "float") == 0)
    dksan::Run<float>(settings).run();
  else
    dksan::Run<double>(settings).run();
}
