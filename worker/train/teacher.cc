#include "worker/train/teacher.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "common/status_macros.h"
#include "worker/train/batch_tensors.h"
#include "worker/train/row_exchange.h"

namespace keel {
namespace {

// Rows of one encoding; shorter blocks are filled up.
constexpr int64_t kBlock = 32;

std::vector<EmbeddingKey> ImageKeys(const LoadedRows& rows) {
  std::vector<EmbeddingKey> keys;
  for (int64_t sample : rows.samples) {
    keys.emplace_back(static_cast<uint64_t>(sample), 0);
  }
  return keys;
}

std::vector<EmbeddingKey> TextKeys(const LoadedRows& rows) {
  std::vector<EmbeddingKey> keys;
  for (const std::string& digest : rows.caption_digests) {
    EmbeddingKey key;
    std::memcpy(&key.first, digest.data(), 8);
    std::memcpy(&key.second, digest.data() + 8, 8);
    keys.push_back(key);
  }
  return keys;
}

// The rows of `inputs`, encoded in blocks of kBlock, on the host.
at::Tensor EncodeInBlocks(const at::Tensor& inputs,
                          const std::function<at::Tensor(at::Tensor)>& encode) {
  std::vector<at::Tensor> parts;
  for (int64_t begin = 0; begin < inputs.size(0); begin += kBlock) {
    const int64_t rows = std::min(kBlock, inputs.size(0) - begin);
    // A real row fills up: an empty text would have no end token.
    std::vector<at::Tensor> block(1 + kBlock - rows,
                                  inputs.narrow(0, begin, 1));
    block[0] = inputs.narrow(0, begin, rows);
    parts.push_back(
        encode(at::cat(block)).narrow(0, 0, rows).to(at::kCPU, at::kFloat));
  }
  return at::cat(parts);
}

}  // namespace

Teacher::Teacher(ClipModel model, int64_t cache_bytes)
    : model_(std::move(model)),
      images_(model_.config().embed_dim, cache_bytes / 2),
      texts_(model_.config().embed_dim, cache_bytes / 2) {}

absl::StatusOr<Teacher::Features> Teacher::Embed(const LoadedRows& rows,
                                                 const at::Tensor& images,
                                                 Communicator& communicator) {
  c10::NoGradGuard no_grad;
  Side image{images_, ImageKeys(rows)};
  Side text{texts_, TextKeys(rows)};
  EncodeMissing(image, images,
                [this](const at::Tensor& x) { return model_.EncodeImage(x); });
  EncodeMissing(text, TokenTensor(rows, model_.config(), device(), true),
                [this](const at::Tensor& x) { return model_.EncodeText(x); });
  KEEL_ASSIGN_OR_RETURN(
      const auto counts,
      GatherNumbers(communicator,
                    {static_cast<int64_t>(image.missing.size()),
                     static_cast<int64_t>(text.missing.size())},
                    device()));
  Features features{Assemble(image), Assemble(text)};
  KEEL_RETURN_IF_ERROR(Share(image, counts[0], communicator));
  KEEL_RETURN_IF_ERROR(Share(text, counts[1], communicator));
  return features;
}

void Teacher::EncodeMissing(Side& side, const at::Tensor& inputs,
                            const Encode& encode) const {
  for (size_t i = 0; i < side.keys.size(); ++i) {
    if (side.cache.Find(side.keys[i]) == nullptr) side.missing.push_back(i);
  }
  side.fresh = at::empty({0, model_.config().embed_dim});
  if (side.missing.empty()) return;
  const at::Tensor rows = at::tensor(side.missing).to(inputs.device());
  side.fresh = EncodeInBlocks(inputs.index_select(0, rows), encode);
}

at::Tensor Teacher::Assemble(const Side& side) const {
  const int64_t width = model_.config().embed_dim;
  at::Tensor features =
      at::empty({static_cast<int64_t>(side.keys.size()), width});
  for (size_t i = 0; i < side.keys.size(); ++i) {
    if (const float* cached = side.cache.Find(side.keys[i])) {
      std::copy_n(cached, width,
                  features.mutable_data_ptr<float>() + i * width);
    }
  }
  if (!side.missing.empty()) {
    features.index_copy_(0, at::tensor(side.missing), side.fresh);
  }
  return features.to(device());
}

absl::Status Teacher::Share(Side& side, const std::vector<int64_t>& counts,
                            Communicator& communicator) const {
  if (std::accumulate(counts.begin(), counts.end(), int64_t{0}) == 0) {
    return absl::OkStatus();
  }
  at::Tensor keys = at::empty({counts[communicator.rank()], 2}, at::kLong);
  uint64_t* place = reinterpret_cast<uint64_t*>(keys.mutable_data_ptr());
  for (int64_t row : side.missing) {
    *place++ = side.keys[row].first;
    *place++ = side.keys[row].second;
  }
  KEEL_ASSIGN_OR_RETURN(at::Tensor all_keys,
                        communicator.AllGatherRows(keys.to(device()), counts));
  KEEL_ASSIGN_OR_RETURN(
      at::Tensor vectors,
      communicator.AllGatherRows(side.fresh.to(device()), counts));
  all_keys = all_keys.cpu();
  vectors = vectors.cpu().contiguous();
  const auto* key =
      reinterpret_cast<const uint64_t*>(all_keys.const_data_ptr());
  const float* vector = vectors.const_data_ptr<float>();
  for (int64_t i = 0; i < vectors.size(0); ++i) {
    side.cache.Insert({key[2 * i], key[2 * i + 1]},
                      vector + i * vectors.size(1));
  }
  return absl::OkStatus();
}

}  // namespace keel
