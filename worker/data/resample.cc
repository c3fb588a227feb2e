#include "worker/data/resample.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace keel {
namespace {

// Pillow leaves 8 bits for the result and 2 for overshoot out of 32.
constexpr int kPrecisionBits = 32 - 8 - 2;
constexpr double kSupport = 2.0;
constexpr int kChannels = 3;

double Bicubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

// Fixed-point weights of the source pixels from `first` on.
struct Kernel {
  int64_t first = 0;
  std::vector<int32_t> weights;
};

int32_t ToFixedPoint(double weight) {
  const double scaled = weight * (1 << kPrecisionBits);
  return static_cast<int32_t>(weight < 0 ? scaled - 0.5 : scaled + 0.5);
}

// Half up for what is positive, towards 0 for what is not: Pillow's.
int64_t RoundBound(double bound) {
  const double shifted = bound + 0.5;
  return static_cast<int64_t>(shifted);
}

// The operations and their order are Pillow's: another order would round
// otherwise.
Kernel MakeKernel(int64_t source_size, double scale, int64_t target) {
  const double filter_scale = std::max(scale, 1.0);
  const double support = kSupport * filter_scale;
  const double center = (static_cast<double>(target) + 0.5) * scale;
  const double inverse = 1.0 / filter_scale;
  const int64_t first = std::max<int64_t>(RoundBound(center - support), 0);
  const int64_t end = std::min(RoundBound(center + support), source_size);
  std::vector<double> weights;
  double sum = 0.0;
  for (int64_t x = 0; x < end - first; ++x) {
    weights.push_back(
        Bicubic((static_cast<double>(x + first) - center + 0.5) * inverse));
    sum += weights.back();
  }
  Kernel kernel;
  kernel.first = first;
  for (double weight : weights) {
    kernel.weights.push_back(ToFixedPoint(sum != 0.0 ? weight / sum : weight));
  }
  return kernel;
}

// Kernels of the target pixels `begin` to `begin + count`.
std::vector<Kernel> MakeKernels(int64_t source_size, int64_t target_size,
                                int64_t begin, int64_t count) {
  const double scale =
      static_cast<double>(source_size) / static_cast<double>(target_size);
  std::vector<Kernel> kernels;
  for (int64_t i = 0; i < count; ++i) {
    kernels.push_back(MakeKernel(source_size, scale, begin + i));
  }
  return kernels;
}

// Applies a kernel to pixels that lie `stride` bytes apart.
void Apply(const Kernel& kernel, const uint8_t* source, int64_t stride,
           uint8_t* target) {
  int32_t sums[kChannels] = {1 << (kPrecisionBits - 1),
                             1 << (kPrecisionBits - 1),
                             1 << (kPrecisionBits - 1)};
  const uint8_t* pixel = source + kernel.first * stride;
  for (int32_t weight : kernel.weights) {
    for (int c = 0; c < kChannels; ++c) sums[c] += pixel[c] * weight;
    pixel += stride;
  }
  for (int c = 0; c < kChannels; ++c) {
    target[c] =
        static_cast<uint8_t>(std::clamp(sums[c] >> kPrecisionBits, 0, 255));
  }
}

RgbImage Allocate(int64_t width, int64_t height) {
  RgbImage image;
  image.width = width;
  image.height = height;
  image.pixels.resize(static_cast<size_t>(width * height * kChannels));
  return image;
}

// Rows `top` to `top + height`, resized in their width.
RgbImage HorizontalPass(const RgbImage& image, int64_t top, int64_t height,
                        const std::vector<Kernel>& columns) {
  RgbImage out = Allocate(static_cast<int64_t>(columns.size()), height);
  uint8_t* target = out.pixels.data();
  for (int64_t y = 0; y < height; ++y) {
    for (const Kernel& kernel : columns) {
      Apply(kernel, image.row(top + y), kChannels, target);
      target += kChannels;
    }
  }
  return out;
}

// Columns `left` to `left + width`, resized in their height.
RgbImage VerticalPass(const RgbImage& image, int64_t left, int64_t width,
                      const std::vector<Kernel>& rows) {
  RgbImage out = Allocate(width, static_cast<int64_t>(rows.size()));
  uint8_t* target = out.pixels.data();
  for (const Kernel& kernel : rows) {
    for (int64_t x = left; x < left + width; ++x) {
      Apply(kernel, image.row(0) + x * kChannels, image.width * kChannels,
            target);
      target += kChannels;
    }
  }
  return out;
}

struct Span {
  int64_t first = 0;
  int64_t size = 0;
};

// What the kernels read. They count from its first pixel afterwards.
Span Rebase(std::vector<Kernel>& kernels) {
  const int64_t first = kernels.front().first;
  const Kernel& last = kernels.back();
  const Span span{
      first, last.first + static_cast<int64_t>(last.weights.size()) - first};
  for (Kernel& kernel : kernels) kernel.first -= first;
  return span;
}

// Pillow's rule since version 13; until then the horizontal pass was always
// the first. The order matters because bytes are rounded in between.
bool IsVerticalFirst(const RgbImage& image, int64_t width, int64_t height) {
  const int64_t lost_height = image.height - height;
  return lost_height > 0 && lost_height > 2 * (image.width - width);
}

}  // namespace

RgbImage ResampleWindow(const RgbImage& image, int64_t width, int64_t height,
                        const Window& window) {
  auto columns = MakeKernels(image.width, width, window.left, window.width);
  auto rows = MakeKernels(image.height, height, window.top, window.height);
  if (IsVerticalFirst(image, width, height)) {
    const Span used = Rebase(columns);
    return HorizontalPass(VerticalPass(image, used.first, used.size, rows), 0,
                          window.height, columns);
  }
  const Span used = Rebase(rows);
  return VerticalPass(HorizontalPass(image, used.first, used.size, columns), 0,
                      window.width, rows);
}

}  // namespace keel
