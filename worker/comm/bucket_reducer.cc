#include "worker/comm/bucket_reducer.h"

#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <utility>

#include "common/status_macros.h"

namespace keel {

std::vector<std::vector<size_t>> AssignBuckets(
    const std::vector<at::Tensor>& parameters, int64_t bucket_bytes) {
  std::vector<std::vector<size_t>> buckets;
  int64_t open_bytes = bucket_bytes;
  for (size_t i = parameters.size(); i-- > 0;) {
    const int64_t bytes = static_cast<int64_t>(parameters[i].nbytes());
    if (open_bytes >= bucket_bytes || bytes >= bucket_bytes) {
      buckets.emplace_back();
      open_bytes = 0;
    }
    buckets.back().push_back(i);
    open_bytes += bytes;
  }
  return buckets;
}

// Runs when backward has added to a parameter's gradient.
class BucketReducer::Hook : public torch::autograd::PostAccumulateGradHook {
 public:
  Hook(BucketReducer& reducer, size_t bucket)
      : reducer_(reducer), bucket_(bucket) {}
  void operator()(const torch::autograd::Variable&) override {
    reducer_.GradientReady(bucket_);
  }

 private:
  BucketReducer& reducer_;
  const size_t bucket_;
};

BucketReducer::BucketReducer(Communicator& communicator,
                             std::vector<at::Tensor> parameters,
                             int64_t bucket_bytes)
    : communicator_(communicator), parameters_(std::move(parameters)) {
  for (auto& indexes : AssignBuckets(parameters_, bucket_bytes)) {
    AddBucket(std::move(indexes));
  }
  Prepare();
}

BucketReducer::~BucketReducer() {
  for (const at::Tensor& parameter : parameters_) {
    torch::autograd::impl::set_post_acc_grad_hooks(parameter, nullptr);
    parameter.mutable_grad().reset();
  }
}

void BucketReducer::AddBucket(std::vector<size_t> indexes) {
  int64_t elements = 0;
  for (size_t i : indexes) elements += parameters_[i].numel();
  Bucket bucket;
  bucket.flat = at::zeros({elements}, parameters_[indexes[0]].options());
  bytes_ += static_cast<int64_t>(bucket.flat.nbytes());
  int64_t begin = 0;
  for (size_t i : indexes) {
    const at::Tensor& parameter = parameters_[i];
    parameter.mutable_grad() =
        bucket.flat.narrow(0, begin, parameter.numel()).view(parameter.sizes());
    begin += parameter.numel();
    torch::autograd::impl::set_post_acc_grad_hooks(
        parameter, std::make_unique<Hook>(*this, buckets_.size()));
  }
  bucket.parameters = std::move(indexes);
  buckets_.push_back(std::move(bucket));
}

void BucketReducer::Prepare(bool overlap) {
  for (Bucket& bucket : buckets_) {
    bucket.flat.zero_();
    bucket.missing = bucket.parameters.size();
    bucket.pending.reset();
  }
  overlap_ = overlap;
  next_ = 0;
  accumulating_ = false;
  status_ = absl::OkStatus();
}

void BucketReducer::GradientReady(size_t bucket) {
  if (accumulating_) return;
  --buckets_[bucket].missing;
  while (overlap_ && next_ < buckets_.size() && buckets_[next_].missing == 0) {
    LaunchNext();
  }
}

void BucketReducer::LaunchNext() {
  Bucket& bucket = buckets_[next_++];
  if (!status_.ok()) return;
  auto pending = communicator_.StartAllReduceSum(bucket.flat);
  if (pending.ok()) {
    bucket.pending = *std::move(pending);
  } else {
    status_ = pending.status();
  }
}

absl::Status BucketReducer::Finish() {
  while (next_ < buckets_.size()) LaunchNext();
  for (Bucket& bucket : buckets_) {
    if (bucket.pending != nullptr) status_.Update(bucket.pending->Wait());
    bucket.pending.reset();
  }
  return status_;
}

std::vector<at::Tensor> BucketReducer::flat_gradients() const {
  std::vector<at::Tensor> flats;
  for (const Bucket& bucket : buckets_) flats.push_back(bucket.flat);
  return flats;
}

}  // namespace keel
