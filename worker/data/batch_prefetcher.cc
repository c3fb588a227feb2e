#include "worker/data/batch_prefetcher.h"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"

namespace keel {

BatchPrefetcher::BatchPrefetcher(SampleLoader& loader, Requests requests,
                                 int depth, std::function<bool()> cancelled)
    : loader_(loader),
      requests_(std::move(requests)),
      cancelled_(std::move(cancelled)),
      depth_(static_cast<size_t>(std::max(depth, 1))),
      thread_([this] { Run(); }) {}

BatchPrefetcher::~BatchPrefetcher() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

absl::StatusOr<LoadedRows> BatchPrefetcher::Next() {
  absl::MutexLock lock(
      &mutex_, absl::Condition(this, &BatchPrefetcher::HasBatchOrEnded));
  if (ready_.empty()) return end_;
  LoadedRows rows = std::move(ready_.front());
  ready_.pop_front();
  return rows;
}

void BatchPrefetcher::Run() {
  // An exception that left this thread would end the process.
  try {
    for (int64_t index = 0; WaitForRoom(); ++index) {
      const auto requests = requests_(index);
      if (!requests) return End(absl::OutOfRangeError("no more batches"));
      auto rows = loader_.Load(*requests, [this] { return IsStopped(); });
      if (!rows.ok()) return End(std::move(rows).status());
      absl::MutexLock lock(&mutex_);
      ready_.push_back(*std::move(rows));
    }
  } catch (const std::bad_alloc&) {
    End(absl::ResourceExhaustedError("out of memory while a batch was loaded"));
  } catch (const std::exception& error) {
    End(absl::InternalError(
        absl::StrCat("exception while a batch was loaded: ", error.what())));
  }
}

bool BatchPrefetcher::IsStopped() {
  if (cancelled_ && cancelled_()) return true;
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

bool BatchPrefetcher::WaitForRoom() {
  absl::MutexLock lock(&mutex_,
                       absl::Condition(this, &BatchPrefetcher::HasRoomOrStops));
  return !stopping_;
}

bool BatchPrefetcher::HasRoomOrStops() const {
  return stopping_ || ready_.size() < depth_;
}

bool BatchPrefetcher::HasBatchOrEnded() const {
  return !ready_.empty() || !end_.ok();
}

void BatchPrefetcher::End(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  end_ = std::move(status);
}

}  // namespace keel
