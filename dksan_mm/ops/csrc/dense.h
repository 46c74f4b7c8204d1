// Copyright (c) DKSAN-MM contributors.
// Form with a matrix product, for one image and one chunk of channels. The
// columns of a band of output pixels stay in cache and are multiplied with the
// weights.
#pragma once

#include <vector>

#include "columns.h"
#include "gemm.h"
#include "layout.h"
#include "window.h"

namespace dksan {

// Number of output pixels of a band: a multiple of the tiles and of the blocks
// of rows. With 128 channels and 9 cells, its columns take less than half a
// megabyte.
constexpr int64_t kBand = 96;
static_assert(kBand % kTile == 0 && kBand % kBlockRows == 0);

// Weights (group, out, channel, cell).
template <typename T>
struct Weights {
  T* data;
  int64_t outs, inputs, cells;  // of one group
};

// Chunk of channels, with the positions of its weights.
class DenseChunk {
 public:
  template <typename T>
  DenseChunk(const Chunk& chunk, const Weights<T>& weights)
      : chunk(chunk),
        outs(weights.outs),
        cells(weights.cells),
        stride(round_up(cells * chunk.width, kLanes<float>)),
        first_out(chunk.segments[0].group * outs),
        out_step_(weights.inputs * cells),
        places_(stride, -1) {
    for (const Segment& s : chunk.segments)
      for (int64_t c = 0; c < s.channels; ++c)
        for (int64_t cell = 0; cell < cells; ++cell)
          places_[cell * chunk.width + s.start + c] =
              (first_out * weights.inputs + s.channel -
               s.group * weights.inputs + c) * cells + cell;
  }

  // Packs the weights as (column, out), to multiply columns with them.
  template <typename T>
  std::vector<T> pack(const T* weights) const {
    return make_panels<T>(stride, outs, [&](int64_t k, int64_t o) {
      return places_[k] < 0 ? T(0) : weights[places_[k] + o * out_step_];
    });
  }

  // Packs the weights as (out, column), to multiply gradients with them.
  template <typename T>
  std::vector<T> pack_transposed(const T* weights) const {
    return make_panels<T>(outs, stride, [&](int64_t o, int64_t k) {
      return places_[k] < 0 ? T(0) : weights[places_[k] + o * out_step_];
    });
  }

  // Adds a gradient (out, column) to the gradient of all weights.
  template <typename T>
  void unpack(const T* packed, T* grad_weights) const {
    for (int64_t o = 0; o < outs; ++o)
      for (int64_t k = 0; k < stride; ++k)
        if (places_[k] >= 0)
          grad_weights[places_[k] + o * out_step_] += packed[o * stride + k];
  }

  Chunk chunk;
  int64_t outs, cells;
  int64_t stride;  // of the columns of one pixel
  int64_t first_out;

 private:
  int64_t out_step_;
  std::vector<int64_t> places_;  // of columns in the weights, or -1
};

// Computes output pixels [first, last). `x`: rows of this chunk only. `packed`:
// weights. `bias`: numbers to add to the outputs of all groups, or null.
template <typename T>
void dense_forward(const Geometry& g, const DenseChunk& part,
                   const std::vector<Offsets<T>>& offsets, const T* x,
                   const LineMap& map, const T* packed, const T* bias,
                   int64_t first, int64_t last, const Image<T>& out);

// Processes a whole image. `windows`: lines that its bands read. `packed`:
// transposed weights. Adds to `grad_packed` and overwrites the other gradients.
// `x`, `grad_out` and `grad_x` begin at channel 0.
template <typename T>
void dense_backward(const Geometry& g, const DenseChunk& part,
                    const std::vector<Lines>& windows,
                    const std::vector<Offsets<T>>& offsets,
                    const Image<const T>& x, const T* packed,
                    const Image<const T>& grad_out, const Image<T>& grad_x,
                    T* grad_packed, const std::vector<OffsetGrads<T>>& grads);

}  // namespace dksan
