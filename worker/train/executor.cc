#include "worker/train/executor.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "worker/comm/catch.h"
#include "worker/train/device_setup.h"
#include "worker/train/evaluator.h"
#include "worker/train/trainer.h"

namespace keel {
namespace {

// What the network or the coordinator's absence caused is no fault of the
// phase: the group ends, the worker is ready for another one.
absl::Status AsTrainStatus(absl::Status status, const TrainContext& context) {
  if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) {
    status = absl::AbortedError(status.message());
  }
  if (absl::IsAborted(status) && context.stop_requested()) {
    status = absl::CancelledError(status.message());
  }
  return status;
}

}  // namespace

absl::Status ExecutorOptions::Validate() const {
  if (threads < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("threads is at least 1, not ", threads));
  }
  if (collective_timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("collective_timeout is positive");
  }
  if (crop_cache_bytes < 0 || teacher_cache_bytes < 0) {
    return absl::InvalidArgumentError("a cache's size is not negative");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Executor>> MakeExecutor(
    const ExecutorOptions& options, Metrics& metrics) {
  KEEL_RETURN_IF_ERROR(options.Validate());
  std::unique_ptr<Executor> executor;
  KEEL_RETURN_IF_ERROR(CatchStatus(
      absl::StatusCode::kUnavailable, "device", [&]() -> absl::Status {
        KEEL_ASSIGN_OR_RETURN(const c10::Device device,
                              ResolveDevice(options.device));
        SetUpProcess(options.threads);
        executor = std::make_unique<TorchExecutor>(options, device, metrics);
        return absl::OkStatus();
      }));
  return executor;
}

TorchExecutor::TorchExecutor(const ExecutorOptions& options, c10::Device device,
                             Metrics& metrics)
    : options_(options),
      device_(device),
      info_(DescribeDevice(device, options.threads)),
      metrics_(metrics),
      evaluation_series_(metrics) {}

absl::Status TorchExecutor::Train(const TrainJob& job, TrainContext& context) {
  evaluation_series_.BeginTraining(job.stream, job.parent);
  const TrainerOptions options = {
      .device = device_,
      .info = info_,
      .address = options_.collective_address,
      .interface = options_.collective_interface,
      .leave_grace = options_.collective_timeout,
      .crop_cache_bytes = options_.crop_cache_bytes,
      .teacher_cache_bytes = options_.teacher_cache_bytes};
  const TrainerEnvironment environment = {job, context, metrics_, clock_,
                                          tokenizer_};
  const absl::Status status =
      CatchStatus(absl::StatusCode::kInternal, "train", [&]() -> absl::Status {
        KEEL_ASSIGN_OR_RETURN(const std::unique_ptr<Trainer> trainer,
                              Trainer::Create(options, environment));
        return trainer->Run();
      });
  return AsTrainStatus(status, context);
}

absl::StatusOr<std::vector<RecallResult>> TorchExecutor::Evaluate(
    const EvaluateJob& job, TaskContext& context) {
  std::vector<RecallResult> results;
  KEEL_RETURN_IF_ERROR(CatchStatus(
      absl::StatusCode::kInternal, "evaluate", [&]() -> absl::Status {
        KEEL_ASSIGN_OR_RETURN(results,
                              EvaluateRecall(job, {context, evaluation_series_,
                                                   tokenizer_, device_}));
        return absl::OkStatus();
      }));
  return results;
}

absl::StatusOr<std::vector<DriftResult>> TorchExecutor::MeasureDrift(
    const DriftJob& job, TaskContext& context) {
  std::vector<DriftResult> results;
  KEEL_RETURN_IF_ERROR(CatchStatus(
      absl::StatusCode::kInternal, "measure drift", [&]() -> absl::Status {
        KEEL_ASSIGN_OR_RETURN(results,
                              EvaluateDrift(job, {context, evaluation_series_,
                                                  tokenizer_, device_}));
        return absl::OkStatus();
      }));
  return results;
}

}  // namespace keel
