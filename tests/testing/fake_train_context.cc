#include "tests/testing/fake_train_context.h"

#include <filesystem>

#include "absl/strings/str_cat.h"

namespace keel::testing {

FakeTrainContext::FakeTrainContext(RendezvousStore& store, ChunkReader& chunks,
                                   std::string scratch)
    : store_(store),
      chunks_(chunks),
      scratch_(std::move(scratch)),
      kept_(scratch_ + "/kept") {
  std::filesystem::create_directories(kept_);
}

bool FakeTrainContext::stop_requested() const {
  absl::MutexLock lock(&mu_);
  return cancelled_ || static_cast<int64_t>(reports_.size()) >= stop_after_;
}

void FakeTrainContext::ReportStep(StepReport report) {
  absl::MutexLock lock(&mu_);
  reports_.push_back(std::move(report));
}

absl::Status FakeTrainContext::Upload(ArtifactKind kind, int64_t step_count,
                                      const std::vector<LocalFile>& files) {
  const std::string folder =
      absl::StrCat(kept_, "/", static_cast<int>(kind), "-", step_count);
  std::filesystem::create_directories(folder);
  std::vector<LocalFile> copies;
  for (const LocalFile& file : files) {
    copies.push_back({file.name, folder + "/" + file.name});
    std::filesystem::copy_file(file.path, copies.back().path);
  }
  absl::MutexLock lock(&mu_);
  uploads_[{kind, step_count}] = std::move(copies);
  return absl::OkStatus();
}

std::vector<StepReport> FakeTrainContext::reports() const {
  absl::MutexLock lock(&mu_);
  return reports_;
}

FakeTrainContext::Uploads FakeTrainContext::uploads() const {
  absl::MutexLock lock(&mu_);
  return uploads_;
}

}  // namespace keel::testing
