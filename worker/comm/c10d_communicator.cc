#include "worker/comm/c10d_communicator.h"

#include <algorithm>
#include <exception>
#include <string>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Work.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/clock.h"
#include "common/status_macros.h"
#include "worker/comm/catch.h"

namespace keel {
namespace {

// How often a waiting member looks whether it was told to leave.
constexpr absl::Duration kLook = absl::Milliseconds(20);
// Between two looks at a device's event.
constexpr absl::Duration kPoll = absl::Microseconds(50);

constexpr const char* kAllReduce = "all-reduce";
constexpr const char* kAllGather = "all-gather";
constexpr const char* kBroadcast = "broadcast";

// Waits at most `limit` for the end of a collective.
class EndOfWork {
 public:
  EndOfWork(c10d::Work& work, bool on_host) : work_(work), on_host_(on_host) {
    if (!on_host_) return;
    work_.getFuture()->addCallback(
        [done = done_](c10::ivalue::Future&) { done->Notify(); });
  }

  bool WaitFor(absl::Duration limit) {
    if (on_host_) return done_->WaitForNotificationWithTimeout(limit);
    // A device's collective has no callback that tells of its end.
    const absl::Time until = SteadyNow() + limit;
    while (!work_.isCompleted()) {
      if (SteadyNow() > until) return false;
      absl::SleepFor(kPoll);
    }
    return true;
  }

 private:
  c10d::Work& work_;
  const bool on_host_;
  // Shared: the callback may come after this object's end.
  const std::shared_ptr<absl::Notification> done_ =
      std::make_shared<absl::Notification>();
};

bool IsOnHost(const c10d::Backend& backend) {
  return backend.getBackendName() == "gloo";
}

}  // namespace

class C10dCommunicator::Pending : public PendingCollective {
 public:
  Pending(C10dCommunicator& owner, c10::intrusive_ptr<c10d::Work> work)
      : owner_(owner), work_(std::move(work)) {}

  // On a device the stream waits, not the host.
  absl::Status Wait() override {
    if (IsOnHost(*owner_.backend_)) return owner_.Await(kAllReduce, *work_);
    --owner_.unfinished_;
    return Catch(absl::StatusCode::kAborted, kAllReduce,
                 [this] { work_->synchronize(); });
  }

 private:
  C10dCommunicator& owner_;
  const c10::intrusive_ptr<c10d::Work> work_;
};

C10dCommunicator::C10dCommunicator(c10::intrusive_ptr<c10d::Backend> backend,
                                   int rank, int world_size, WaitLimits limits,
                                   std::function<void()> sever)
    : backend_(std::move(backend)),
      rank_(rank),
      world_size_(world_size),
      limits_(std::move(limits)),
      sever_(std::move(sever)) {}

C10dCommunicator::~C10dCommunicator() {
  // The backend's destructor would wait for them.
  if (unfinished_ > 0) Abort();
}

absl::Status C10dCommunicator::AllReduceSum(at::Tensor tensor) {
  return Run(kAllReduce, [&] {
    std::vector<at::Tensor> tensors = {tensor};
    return backend_->allreduce(tensors);
  });
}

absl::StatusOr<std::unique_ptr<PendingCollective>>
C10dCommunicator::StartAllReduceSum(at::Tensor tensor) {
  KEEL_ASSIGN_OR_RETURN(auto work, Start(kAllReduce, [&] {
                          std::vector<at::Tensor> tensors = {tensor};
                          return backend_->allreduce(tensors);
                        }));
  return std::unique_ptr<PendingCollective>(
      std::make_unique<Pending>(*this, std::move(work)));
}

absl::StatusOr<at::Tensor> C10dCommunicator::AllGatherRows(
    const at::Tensor& local, const std::vector<int64_t>& rows) {
  const int64_t most = *std::max_element(rows.begin(), rows.end());
  const int64_t width = local.size(1);
  // The backends want equal shapes: rows are padded to the longest part.
  at::Tensor padded = local;
  if (local.size(0) < most) {
    padded = at::zeros({most, width}, local.options());
    padded.narrow(0, 0, local.size(0)).copy_(local);
  }
  at::Tensor all = at::empty({world_size_ * most, width}, local.options());
  if (most == 0) return all;
  KEEL_RETURN_IF_ERROR(
      Run(kAllGather, [&] { return backend_->_allgather_base(all, padded); }));
  std::vector<at::Tensor> parts;
  parts.reserve(world_size_);
  for (int member = 0; member < world_size_; ++member) {
    parts.push_back(all.narrow(0, member * most, rows[member]));
  }
  return at::cat(parts);
}

absl::Status C10dCommunicator::Broadcast(at::Tensor tensor, int root) {
  return Run(kBroadcast, [&] {
    std::vector<at::Tensor> tensors = {tensor};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    return backend_->broadcast(tensors, options);
  });
}

void C10dCommunicator::Abort() {
  if (broken_.exchange(true)) return;
  sever_();
}

absl::StatusOr<c10::intrusive_ptr<c10d::Work>> C10dCommunicator::Start(
    const char* what, const Launch& launch) {
  if (broken_) return Broken(what);
  c10::intrusive_ptr<c10d::Work> work;
  absl::Status status =
      Catch(absl::StatusCode::kAborted, what, [&] { work = launch(); });
  if (!status.ok()) {
    Abort();
    return status;
  }
  ++unfinished_;
  return work;
}

absl::Status C10dCommunicator::Run(const char* what, const Launch& launch) {
  KEEL_ASSIGN_OR_RETURN(auto work, Start(what, launch));
  return Await(what, *work);
}

absl::Status C10dCommunicator::Await(const char* what, c10d::Work& work) {
  const absl::Time begin = SteadyNow();
  EndOfWork end(work, IsOnHost(*backend_));
  while (!end.WaitFor(kLook)) {
    const absl::Duration waited = SteadyNow() - begin;
    if (broken_ || waited > limits_.patience ||
        (limits_.give_up && limits_.give_up(waited))) {
      Abort();
      return Broken(what);
    }
  }
  --unfinished_;
  absl::Status status = Catch(absl::StatusCode::kAborted, what, [&] {
    // NCCL's wait only orders streams: a collective that failed in the
    // background would pass for a finished one.
    if (!IsOnHost(*backend_)) {
      if (const std::exception_ptr failure = work.exception()) {
        std::rethrow_exception(failure);
      }
    }
    work.wait();
  });
  if (!status.ok()) Abort();
  return status;
}

absl::Status C10dCommunicator::Broken(const char* what) const {
  return absl::AbortedError(
      absl::StrCat(what, ": the group of member ", rank_, " is broken"));
}

}  // namespace keel
