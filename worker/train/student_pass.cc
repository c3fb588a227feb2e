#include "worker/train/student_pass.h"

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <utility>

#include "worker/train/autocast.h"

namespace keel {

StudentPass::StudentPass(const ClipModel& model, const TrainConfig& config,
                         const at::Tensor& images, at::Tensor tokens,
                         BatchNormSyncPtr sync)
    : model_(model),
      config_(config),
      type_(model.logit_scale().scalar_type()),
      images_(images.to(type_)),
      tokens_(std::move(tokens)),
      sync_(std::move(sync)) {}

// One part, which may be empty, unless there are several micro-batches.
std::vector<Slice> StudentPass::Parts() const {
  const int64_t rows = images_.size(0);
  const int64_t most = config_.micro_batch > 0 ? config_.micro_batch : rows;
  const int64_t count = rows > most ? (rows + most - 1) / most : 1;
  std::vector<Slice> parts;
  for (int64_t i = 0; i < count; ++i) {
    parts.push_back(NearEqualPart(rows, i, count));
  }
  return parts;
}

StudentPass::Features StudentPass::EncodeRows(const Slice& rows) const {
  const at::Tensor none =
      at::zeros({0, model_.config().embed_dim}, images_.options());
  const bool empty = rows.size() == 0;
  // Without rows too: a synchronised layer's sums are the group's.
  if (empty && sync_ == nullptr) return {none, none};
  const Autocast autocast(images_.device(),
                          config_.precision == Precision::kBf16);
  const auto part = [&](const at::Tensor& x) {
    return x.narrow(0, rows.begin, rows.size());
  };
  return {model_.EncodeImage(part(images_), sync_).to(type_),
          empty ? none : model_.EncodeText(part(tokens_)).to(type_)};
}

void StudentPass::Encode(LocalFeatures& features) {
  const std::vector<Slice> parts = Parts();
  if (parts.size() == 1) {
    whole_ = EncodeRows(parts[0]);
  } else {
    const c10::NoGradGuard no_grad;
    std::vector<at::Tensor> images, texts;
    for (const Slice& rows : parts) {
      const Features part = EncodeRows(rows);
      images.push_back(part.image);
      texts.push_back(part.text);
    }
    whole_ = {at::cat(images), at::cat(texts)};
  }
  features.image = whole_.image;
  features.text = whole_.text;
}

void StudentPass::Backward(const LossResult& loss, BucketReducer& reducer) {
  const std::vector<Slice> parts = Parts();
  for (size_t i = 0; i < parts.size(); ++i) {
    const Slice& rows = parts[i];
    const bool last = i + 1 == parts.size();
    const Features part = parts.size() == 1 ? whole_ : EncodeRows(rows);
    std::vector<at::Tensor> roots, gradients;
    if (last) {
      roots.push_back(model_.logit_scale());
      gradients.push_back(loss.grad_logit_scale);
    }
    const auto add = [&](const at::Tensor& root, const at::Tensor& gradient) {
      if (!root.requires_grad()) return;  // nothing was encoded
      roots.push_back(root);
      gradients.push_back(gradient.narrow(0, rows.begin, rows.size()));
    };
    add(part.image, loss.grad_image);
    add(part.text, loss.grad_text);
    reducer.set_accumulating(!last);
    torch::autograd::backward(roots, gradients);
  }
}

}  // namespace keel
