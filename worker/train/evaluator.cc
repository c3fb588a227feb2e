#include "worker/train/evaluator.h"

#include <utility>

#include "common/log.h"
#include "common/status_macros.h"
#include "worker/checkpoint/checkpoint_folder.h"
#include "worker/drift/recall.h"
#include "worker/drift/spatial_disorder.h"
#include "worker/train/sample_embedder.h"

namespace keel {
namespace {

SampleSource SourceOf(const EvaluationEnvironment& environment,
                      const StreamConfig& config) {
  return {
      .chunks = environment.context.chunks(),
      .tokenizer = environment.tokenizer,
      .max_image_pixels = config.max_image_pixels,
      .stop_requested =
          [&context = environment.context] { return context.stop_requested(); },
      .cancelled = [&context =
                        environment.context] { return context.cancelled(); }};
}

absl::StatusOr<ClipModel> LoadFrozen(const std::vector<LocalFile>& files,
                                     const StreamConfig& config,
                                     at::Device device) {
  KEEL_ASSIGN_OR_RETURN(ClipModel model,
                        LoadModel(files, device, config.model));
  model.RequireGrad(false);
  return model;
}

void LogSkipped(const std::string& stream, const ProbeSet& probe) {
  LogWarning("probe set has too few samples that decode",
             {{"stream", stream}, {"probe", probe.name}});
}

}  // namespace

absl::StatusOr<std::vector<RecallResult>> EvaluateRecall(
    const EvaluateJob& job, const EvaluationEnvironment& environment) {
  environment.metrics.BeginMeasuring(job.stream, job.phase);
  KEEL_ASSIGN_OR_RETURN(const ClipModel model,
                        LoadFrozen(job.files, job.config, environment.device));
  const SampleSource source = SourceOf(environment, job.config);
  std::vector<CaptionedEmbeddings> sets;
  std::vector<std::string> names;
  for (const ProbeSet& probe : job.probes) {
    KEEL_ASSIGN_OR_RETURN(EmbeddedCaptions embedded,
                          EmbedCaptions(model, probe.samples, source));
    if (embedded.samples.empty()) {
      LogSkipped(job.stream, probe);
      continue;
    }
    sets.push_back(std::move(embedded.embeddings));
    names.push_back(probe.name);
  }
  KEEL_ASSIGN_OR_RETURN(
      std::vector<RecallResult> results,
      MeasureRecall(sets, {.seed = job.config.train.seed,
                           .stopped = source.stop_requested}));
  for (size_t i = 0; i < results.size(); ++i) {
    results[i].phase = job.phase;
    results[i].probe = names[i];
  }
  environment.metrics.Show(results);
  return results;
}

absl::StatusOr<std::vector<DriftResult>> EvaluateDrift(
    const DriftJob& job, const EvaluationEnvironment& environment) {
  environment.metrics.BeginMeasuring(job.stream, job.phase);
  KEEL_ASSIGN_OR_RETURN(const ClipModel model,
                        LoadFrozen(job.files, job.config, environment.device));
  KEEL_ASSIGN_OR_RETURN(
      const ClipModel reference,
      LoadFrozen(job.reference_files, job.config, environment.device));
  const SampleSource source = SourceOf(environment, job.config);
  std::vector<DriftResult> results;
  for (const ProbeSet& probe : job.probes) {
    KEEL_ASSIGN_OR_RETURN(const EmbeddedSamples before,
                          EmbedSamples(reference, probe.samples, source));
    KEEL_ASSIGN_OR_RETURN(const EmbeddedSamples after,
                          EmbedSamples(model, probe.samples, source));
    if (after.samples.size() < 2) {
      LogSkipped(job.stream, probe);
      continue;
    }
    KEEL_ASSIGN_OR_RETURN(
        DriftResult result,
        MeasureSpatialDisorder(
            before.embeddings, after.embeddings,
            [&environment] { return environment.context.stop_requested(); }));
    result.phase = job.phase;
    result.reference_phase = job.reference_phase;
    result.reference = job.reference;
    result.probe = probe.name;
    results.push_back(std::move(result));
  }
  environment.metrics.Show(results);
  return results;
}

}  // namespace keel
