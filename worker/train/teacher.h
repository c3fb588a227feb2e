// The parent's model, frozen, and its embeddings of the phase's samples.
//
// An embedding is a function of the sample alone, so a cache is an optimisation
// only. Rows are encoded in blocks of one shape and texts at the whole context,
// so that its bits should depend neither on the batch nor on the group; at some
// thread counts the last ones still do (docs/design.md, promise 10).
#ifndef KEEL_WORKER_TRAIN_TEACHER_H_
#define KEEL_WORKER_TRAIN_TEACHER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/comm/communicator.h"
#include "worker/data/sample_loader.h"
#include "worker/model/clip_model.h"
#include "worker/train/embedding_cache.h"

namespace keel {

// Not thread-safe.
class Teacher {
 public:
  struct Features {
    at::Tensor image;  // [n, D], on the model's device
    at::Tensor text;
  };

  // At most `cache_bytes` of embeddings are kept; 0: none.
  Teacher(ClipModel model, int64_t cache_bytes);

  // Collective: features of this member's rows, in their order; `images` is
  // ImageTensor(rows). What a member had to compute, all members remember.
  absl::StatusOr<Features> Embed(const LoadedRows& rows,
                                 const at::Tensor& images,
                                 Communicator& communicator);

  const ClipModel& model() const { return model_; }

 private:
  using Encode = std::function<at::Tensor(const at::Tensor& block)>;
  // One modality's rows in a call of Embed.
  struct Side {
    EmbeddingCache& cache;
    std::vector<EmbeddingKey> keys;
    // Rows whose embedding is not cached, and these embeddings, on the host.
    std::vector<int64_t> missing;
    at::Tensor fresh;
  };

  void EncodeMissing(Side& side, const at::Tensor& inputs,
                     const Encode& encode) const;
  absl::Status Share(Side& side, const std::vector<int64_t>& counts,
                     Communicator& communicator) const;
  at::Tensor Assemble(const Side& side) const;
  at::Device device() const { return model_.logit_scale().device(); }

  const ClipModel model_;
  EmbeddingCache images_;
  EmbeddingCache texts_;
};

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_TEACHER_H_
