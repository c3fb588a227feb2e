#include "worker/train/resume_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "worker/comm/catch.h"

namespace keel {

ResumeWriter::ResumeWriter(const Options& options, const Clock& clock,
                           Write write)
    : options_(options),
      clock_(clock),
      write_(std::move(write)),
      due_(clock.Now() + options.interval),
      thread_([this] { Run(); }) {}

ResumeWriter::~ResumeWriter() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

bool ResumeWriter::Due() const {
  absl::MutexLock lock(&mutex_);
  return !pending_.has_value() && clock_.Now() >= due_;
}

void ResumeWriter::Submit(Snapshot snapshot) {
  absl::MutexLock lock(&mutex_);
  pending_ = std::move(snapshot);
}

void ResumeWriter::Flush() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &ResumeWriter::IsIdle));
}

int64_t ResumeWriter::written_step() const {
  absl::MutexLock lock(&mutex_);
  return written_step_;
}

void ResumeWriter::Run() {
  while (true) {
    const Snapshot* snapshot = nullptr;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &ResumeWriter::HasWorkOrStops));
      if (!pending_.has_value()) return;
      // Nobody else touches it until it is reset.
      snapshot = &*pending_;
    }
    WriteOne(*snapshot);
  }
}

void ResumeWriter::WriteOne(const Snapshot& snapshot) {
  const absl::Time begin = clock_.Now();
  const absl::Status status =
      CatchStatus(absl::StatusCode::kInternal, "writing a resume point",
                  [&] { return write_(snapshot); });
  const absl::Time end = clock_.Now();
  const int64_t step = snapshot.state.phase_step;
  if (!status.ok()) {
    LogWarning("resume point was not written",
               {{"step", absl::StrCat(step)}, {"error", status.ToString()}});
  }
  absl::MutexLock lock(&mutex_);
  if (status.ok()) written_step_ = step;
  due_ =
      begin + std::max(options_.interval, (end - begin) / options_.max_share);
  pending_.reset();
}

bool ResumeWriter::HasWorkOrStops() const {
  return pending_.has_value() || stopping_;
}

bool ResumeWriter::IsIdle() const { return !pending_.has_value(); }

}  // namespace keel
