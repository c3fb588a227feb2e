#include "worker/train/batch_tensors.h"

#include <algorithm>

namespace keel {
namespace {

// OpenAI's constants, for red, green and blue in [0, 1].
constexpr double kChannelMean[3] = {0.48145466, 0.4578275, 0.40821073};
constexpr double kChannelDeviation[3] = {0.26862954, 0.26130258, 0.27577711};

at::Tensor PerChannel(const double (&values)[3], at::Device device) {
  return at::tensor(at::ArrayRef<double>(values, 3),
                    at::device(device).dtype(at::kFloat))
      .view({1, 3, 1, 1});
}

int64_t RowCount(const LoadedRows& rows) {
  return static_cast<int64_t>(rows.samples.size());
}

}  // namespace

at::Tensor ImageTensor(const LoadedRows& rows, const ModelConfig& config,
                       at::Device device) {
  const int64_t size = config.vision.image_size;
  const at::Tensor bytes =
      at::from_blob(const_cast<uint8_t*>(rows.images.data()),
                    {RowCount(rows), 3, size, size}, at::kByte);
  return bytes.to(device)
      .to(at::kFloat)
      .div_(255.0)
      .sub_(PerChannel(kChannelMean, device))
      .div_(PerChannel(kChannelDeviation, device));
}

at::Tensor TokenTensor(const LoadedRows& rows, const ModelConfig& config,
                       at::Device device, bool whole) {
  const int64_t context = config.text.context_length;
  const int64_t columns =
      whole ? context : std::min<int64_t>(context, rows.max_tokens);
  const at::Tensor tokens =
      at::from_blob(const_cast<int32_t*>(rows.tokens.data()),
                    {RowCount(rows), context}, at::kInt);
  // A copy in any case: the rows' memory may end before the tensor.
  return tokens.narrow(1, 0, columns).to(device, at::kLong);
}

}  // namespace keel
