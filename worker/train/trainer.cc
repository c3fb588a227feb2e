#include "worker/train/trainer.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/plan/accounting_hash.h"
#include "common/status_macros.h"
#include "worker/comm/catch.h"
#include "worker/comm/communicator_factory.h"
#include "worker/data/batch_prefetcher.h"
#include "worker/train/device_memory.h"
#include "worker/train/first_member.h"
#include "worker/train/group_state.h"
#include "worker/train/row_exchange.h"

namespace keel {
namespace {

// Batches that are loaded ahead.
constexpr int kPrefetchDepth = 2;
// A member that leaves waits for peers that are this much slower than its own
// slowest step.
constexpr double kSlowPeer = 3.0;

PhaseSchedule::Options PlanOf(const TrainJob& job) {
  const TrainConfig& train = job.config.train;
  return {.seed = train.seed,
          .phase = job.phase,
          .sample_count = job.sample_count,
          .global_batch = train.global_batch,
          .epochs = train.epochs,
          .drop_last = train.drop_last,
          .replay_count = job.replay_count,
          .replay_per_batch = job.config.method.replay_per_batch};
}

SampleLoader::Options LoaderOptions(const TrainJob& job,
                                    const ModelConfig& model,
                                    int64_t crop_cache_bytes) {
  return {.image_size = model.vision.image_size,
          .context_length = model.text.context_length,
          .max_image_pixels = job.config.max_image_pixels,
          .crop_cache_bytes = crop_cache_bytes};
}

std::vector<at::Tensor> TensorsOf(const std::vector<NamedTensor>& named) {
  std::vector<at::Tensor> tensors;
  tensors.reserve(named.size());
  for (const NamedTensor& t : named) tensors.push_back(t.tensor);
  return tensors;
}

std::function<bool()> CancelledBy(const TrainContext& context) {
  return [&context] { return context.cancelled(); };
}

// True when there is no time for what can be left undone.
std::function<bool()> StopsFor(const TrainContext& context) {
  return [&context] { return context.cancelled() || context.stop_requested(); };
}

void LogLiveDrift(const absl::Status& status) {
  if (status.ok() || absl::IsCancelled(status)) return;
  LogWarning("live drift is not measured",
             {{"error", std::string(status.message())}});
}

std::vector<at::Tensor> HostCopies(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> copies;
  copies.reserve(tensors.size());
  for (const at::Tensor& t : tensors) copies.push_back(t.to(at::kCPU).clone());
  return copies;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(
    const TrainerOptions& options, const TrainerEnvironment& environment) {
  const TrainJob& job = environment.job;
  KEEL_ASSIGN_OR_RETURN(PhaseSchedule schedule,
                        PhaseSchedule::Create(PlanOf(job)));
  KEEL_ASSIGN_OR_RETURN(
      PhaseState state,
      LoadPhaseState(job, options.device, CancelledBy(environment.context)));
  KEEL_ASSIGN_OR_RETURN(
      std::unique_ptr<Method> method,
      MakeMethod(job.config.method, state.parent.has_value()));
  std::unique_ptr<Trainer> trainer(
      new Trainer(options, environment, std::move(state), std::move(method),
                  std::move(schedule)));
  const int64_t samples = job.sample_count + job.replay_count;
  if (trainer->loader_.sample_count() == samples) return trainer;
  return absl::InvalidArgumentError(
      absl::StrCat("the plan has ", samples, " samples, its lists ",
                   trainer->loader_.sample_count()));
}

Trainer::Trainer(const TrainerOptions& options,
                 const TrainerEnvironment& environment, PhaseState state,
                 std::unique_ptr<Method> method, PhaseSchedule schedule)
    : options_(options),
      env_(environment),
      state_(std::move(state)),
      method_(std::move(method)),
      schedule_(std::move(schedule)),
      rates_(env_.job.config.train.lr, env_.job.config.train.warmup,
             schedule_.step_count()),
      sender_(env_.job, env_.context, options.info),
      loader_(LoaderOptions(env_.job, state_.student.config(),
                            options.crop_cache_bytes),
              env_.job.samples, env_.context.chunks(), env_.tokenizer),
      struck_limit_(env_.job.config.max_struck_fraction,
                    env_.job.sample_count + env_.job.replay_count),
      optimizer_(state_.student, env_.job.config.train),
      clock_(env_.metrics) {
  if (method_->ewc_lambda() > 0) {
    const int64_t steps = schedule_.step_count();
    ewc_.emplace(Ewc::Options{.lambda = method_->ewc_lambda(),
                              .first_step = steps - schedule_.steps_per_epoch(),
                              .step_count = steps},
                 state_.student, state_.parent, state_.fisher);
  }
  if (state_.resumed.has_value()) {
    optimizer_.Restore(*state_.resumed);
    if (ewc_.has_value()) ewc_->Restore(state_.resumed->fisher_sums);
    state_.resumed.reset();  // a copy of the moments, on the device
  }
  // What an earlier phase set may have no meaning in this one.
  LiveDrift::Remove(env_.metrics);
  env_.metrics.Remove("keel_loss", {{"kind", "distill"}});
  env_.metrics.Remove("keel_teacher_agreement_ratio", {});
  if (method_->needs_teacher()) {
    teacher_.emplace(*state_.parent, options.teacher_cache_bytes);
  }
}

Trainer::~Trainer() = default;

absl::Status Trainer::Run() {
  KEEL_RETURN_IF_ERROR(Form());
  KEEL_RETURN_IF_ERROR(Start());
  return Loop();
}

absl::Status Trainer::Form() {
  GroupOptions group;
  group.generation = env_.job.generation;
  group.rank = env_.job.rank;
  group.world_size = env_.job.world_size;
  group.device = options_.device;
  group.address = options_.address;
  group.interface = options_.interface;
  group.limits.give_up = [this](absl::Duration waited) {
    return GivesUp(waited);
  };
  KEEL_ASSIGN_OR_RETURN(communicator_, FormGroup(env_.context.store(), group));
  std::vector<at::Tensor> all = TensorsOf(state_.student.state());
  all.insert(all.end(), optimizer_.exp_avg().begin(),
             optimizer_.exp_avg().end());
  all.insert(all.end(), optimizer_.exp_avg_sq().begin(),
             optimizer_.exp_avg_sq().end());
  if (ewc_.has_value()) {
    for (const auto& part : {ewc_->sums(), ewc_->before()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
  }
  if (env_.job.world_size == 1) return absl::OkStatus();
  KEEL_ASSIGN_OR_RETURN(
      const std::string digest,
      StateDigest(env_.job.start_step, all, CancelledBy(env_.context)));
  return RequireEqualState(*communicator_, digest, options_.device);
}

absl::Status Trainer::Start() {
  reducer_ = std::make_unique<BucketReducer>(
      *communicator_, TensorsOf(state_.student.parameters()));
  if (env_.job.rank == 0) {
    resume_writer_ = std::make_unique<ResumeWriter>(
        ResumeWriter::Options{.interval = env_.job.config.resume_every},
        env_.clock,
        [this](const Snapshot& snapshot) { return SendResumePoint(snapshot); });
    StartLiveDrift();
  }
  LogInfo("group formed", {{"stream", env_.job.stream},
                           {"phase", absl::StrCat(env_.job.phase)},
                           {"generation", absl::StrCat(env_.job.generation)},
                           {"rank", absl::StrCat(env_.job.rank)},
                           {"world_size", absl::StrCat(env_.job.world_size)},
                           {"step", absl::StrCat(env_.job.start_step)}});
  if (state_.parent.has_value() || env_.job.start_step > 0) {
    return absl::OkStatus();
  }
  return RunOnFirstMember(*communicator_, options_.device, [this] {
    return sender_.Send(ArtifactKind::kInitial, 0, state_.student);
  });
}

void Trainer::StartLiveDrift() {
  const DriftConfig& drift = env_.job.config.drift;
  if (drift.live_every_steps == 0 || !state_.parent.has_value() ||
      env_.job.live_samples.empty()) {
    return;
  }
  const absl::Status status = CatchStatus(
      absl::StatusCode::kInternal, "live drift", [&]() -> absl::Status {
        KEEL_ASSIGN_OR_RETURN(
            live_drift_,
            LiveDrift::Create(
                *state_.parent,
                FixedSample(env_.job.live_samples, drift.live_samples),
                {.chunks = env_.context.chunks(),
                 .tokenizer = env_.tokenizer,
                 .max_image_pixels = env_.job.config.max_image_pixels,
                 .stop_requested = StopsFor(env_.context)}));
        return absl::OkStatus();
      });
  LogLiveDrift(status);
}

void Trainer::MeasureLiveDrift(int64_t step_count) {
  if (live_drift_ == nullptr ||
      step_count % env_.job.config.drift.live_every_steps != 0) {
    return;
  }
  clock_.Start();
  LogLiveDrift(CatchStatus(absl::StatusCode::kInternal, "live drift", [&] {
    return live_drift_->Measure(state_.student, env_.metrics,
                                StopsFor(env_.context));
  }));
  clock_.End("live_drift");
}

absl::Status Trainer::Loop() {
  TrainStep train_step(
      {.student = state_.student,
       .teacher = teacher_.has_value() ? &*teacher_ : nullptr,
       .sync_batch_norm = HasUnfrozenBatchNorm(
           env_.job.config,
           state_.parent.has_value() && HasRunningStatistics(*state_.parent)),
       .method = *method_,
       .config = env_.job.config.train,
       .optimizer = optimizer_,
       .reducer = *reducer_,
       .communicator = *communicator_,
       .clock = clock_,
       .accounting_key =
           AccountingKey(env_.job.config.train.seed, env_.job.phase),
       .ewc = ewc_.has_value() ? &*ewc_ : nullptr});
  BatchPrefetcher batches(
      loader_, [this](int64_t index) { return RequestsOf(index); },
      kPrefetchDepth, CancelledBy(env_.context));
  // On an error the peers are freed first; joining threads may take long.
  absl::Cleanup sever = [this] { communicator_->Abort(); };
  for (int64_t step = env_.job.start_step; step < schedule_.step_count();) {
    clock_.Start();
    KEEL_ASSIGN_OR_RETURN(const LoadedRows rows, batches.Next());
    env_.metrics.Increment("keel_data_wait_seconds_total", {},
                           clock_.End("data"));
    KEEL_ASSIGN_OR_RETURN(const GroupRows group,
                          ExchangeRows(*communicator_, rows, options_.device));
    const StepOrder order = {.step = step,
                             .epoch = schedule_.EpochOfStep(step),
                             .learning_rate = rates_.At(step),
                             .stop = env_.context.stop_requested()};
    const auto run = [&]() -> absl::StatusOr<StepOutcome> {
      KEEL_RETURN_IF_ERROR(struck_limit_.Count(order.epoch, group.struck));
      return train_step.Run(order, rows, group);
    };
    const absl::StatusOr<StepOutcome> outcome = run();
    if (!outcome.ok()) {
      // A verdict on the phase, which every member comes to.
      if (absl::IsFailedPrecondition(outcome.status())) {
        Farewell(*communicator_, options_.device);
      }
      return outcome.status();
    }
    Commit(*outcome);
    ++step;
    if (outcome->stop && step < schedule_.step_count()) {
      std::move(sever).Cancel();
      return Leave(step);
    }
  }
  std::move(sever).Cancel();
  return Finish();
}

void Trainer::Commit(const StepOutcome& outcome) {
  StepReport report = outcome.report;
  report.seconds = clock_.EndStep();
  slowest_step_ = std::max(slowest_step_, report.seconds);
  ExportStep(report, outcome.local_rows);
  if (env_.job.rank != 0) return;
  const int64_t step_count = report.step + 1;
  env_.context.ReportStep(std::move(report));
  if (step_count < schedule_.step_count() && resume_writer_->Due()) {
    resume_writer_->Submit(TakeSnapshot(step_count));
  }
  MeasureLiveDrift(step_count);
}

void Trainer::ExportStep(const StepReport& report, int64_t local_rows) {
  Metrics& metrics = env_.metrics;
  metrics.Increment("keel_samples_trained_total", {},
                    static_cast<double>(local_rows));
  metrics.Increment(
      "keel_allreduce_bytes_total", {},
      env_.job.world_size > 1 ? static_cast<double>(reducer_->bytes()) : 0.0);
  metrics.Set("keel_loss", report.loss_total, {{"kind", "total"}});
  metrics.Set("keel_loss", report.loss_contrastive, {{"kind", "contrastive"}});
  metrics.Set("keel_logit_scale", report.logit_scale);
  metrics.Set("keel_learning_rate", report.learning_rate);
  metrics.Set("keel_device_memory_bytes",
              static_cast<double>(DeviceMemoryBytes(options_.device)));
  if (ewc_.has_value() || teacher_.has_value()) {
    metrics.Set("keel_loss", report.loss_distill, {{"kind", "distill"}});
  }
  if (!report.agreement_image.has_value()) return;
  metrics.Set("keel_teacher_agreement_ratio", *report.agreement_image,
              {{"direction", "image_to_text"}});
  metrics.Set("keel_teacher_agreement_ratio", *report.agreement_text,
              {{"direction", "text_to_image"}});
}

absl::Status Trainer::Leave(int64_t step_count) {
  KEEL_RETURN_IF_ERROR(RunOnFirstMember(*communicator_, options_.device, [&] {
    resume_writer_->Flush();
    if (resume_writer_->written_step() == step_count) {
      return absl::OkStatus();
    }
    return SendResumePoint(TakeSnapshot(step_count));
  }));
  return env_.context.stop_requested()
             ? absl::CancelledError(
                   absl::StrCat("left by order after ", step_count, " steps"))
             : absl::AbortedError("another member left by order");
}

absl::Status Trainer::Finish() {
  return RunOnFirstMember(*communicator_, options_.device, [this] {
    resume_writer_->Flush();
    std::optional<Fisher> fisher;
    if (ewc_.has_value()) fisher = ewc_->After();
    return sender_.Send(ArtifactKind::kResult, schedule_.step_count(),
                        FinalModel(), nullptr,
                        fisher.has_value() ? &*fisher : nullptr);
  });
}

std::optional<std::vector<RowRequest>> Trainer::RequestsOf(
    int64_t index) const {
  const int64_t step = env_.job.start_step + index;
  if (step >= schedule_.step_count()) return std::nullopt;
  const int epoch = schedule_.EpochOfStep(step);
  const std::vector<int64_t> samples = schedule_.SamplesOfStep(step);
  const Slice mine = NearEqualPart(static_cast<int64_t>(samples.size()),
                                   env_.job.rank, env_.job.world_size);
  std::vector<RowRequest> requests;
  for (int64_t row = mine.begin; row < mine.end; ++row) {
    const int64_t sample = samples[row];
    const int captions =
        static_cast<int>(loader_.sample(sample).captions.size());
    requests.push_back({sample, schedule_.CaptionOf(epoch, sample, captions)});
  }
  return requests;
}

bool Trainer::GivesUp(absl::Duration waited) const {
  if (env_.context.cancelled()) return true;
  return env_.context.stop_requested() &&
         waited >
             options_.leave_grace + absl::Seconds(kSlowPeer * slowest_step_);
}

Snapshot Trainer::TakeSnapshot(int64_t step_count) const {
  // The same architecture, so it cannot fail.
  ClipModel copy = *ClipModel::FromTensors(state_.student.config(),
                                           state_.student.state(), at::kCPU);
  return {std::move(copy),
          {.exp_avg = HostCopies(optimizer_.exp_avg()),
           .exp_avg_sq = HostCopies(optimizer_.exp_avg_sq()),
           .optimizer_step = optimizer_.step_count(),
           .phase_step = step_count,
           .fisher_sums = ewc_.has_value() ? HostCopies(ewc_->sums())
                                           : std::vector<at::Tensor>()}};
}

absl::Status Trainer::SendResumePoint(const Snapshot& snapshot) const {
  return sender_.Send(ArtifactKind::kResumePoint, snapshot.state.phase_step,
                      snapshot.model, &snapshot.state);
}

ClipModel Trainer::FinalModel() const {
  const double share = env_.job.config.method.interpolate;
  if (share == 1.0 || !state_.parent.has_value()) return state_.student;
  std::vector<NamedTensor> mixed;
  for (const NamedTensor& t : state_.student.state()) {
    const bool counts = t.tensor.scalar_type() == at::kLong;
    mixed.push_back({t.name, counts ? t.tensor
                                    : at::lerp(state_.parent->Get(t.name),
                                               t.tensor.detach(), share)});
  }
  return *ClipModel::FromTensors(state_.student.config(), mixed,
                                 options_.device);
}

}  // namespace keel
