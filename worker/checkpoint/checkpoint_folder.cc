#include "worker/checkpoint/checkpoint_folder.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "common/model/open_clip_config.h"
#include "common/status_macros.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/checkpoint/tensor_names.h"

namespace keel {
namespace {

constexpr char kExpAvg[] = "exp_avg.";
constexpr char kExpAvgSq[] = "exp_avg_sq.";
constexpr char kOptimizerStep[] = "optimizer_step";
constexpr char kPhaseStep[] = "phase_step";
constexpr char kFisherSum[] = "fisher_sum.";
constexpr char kFisherDiagonal[] = "fisher.";
constexpr char kPhaseCount[] = "phase_count";

const LocalFile* Find(const std::vector<LocalFile>& files,
                      const std::string& name) {
  for (const LocalFile& file : files) {
    if (file.name == name) return &file;
  }
  return nullptr;
}

absl::StatusOr<const LocalFile*> Require(const std::vector<LocalFile>& files,
                                         const std::string& name) {
  const LocalFile* file = Find(files, name);
  if (file != nullptr) return file;
  return absl::NotFoundError(absl::StrCat("the checkpoint has no file ", name));
}

absl::StatusOr<const LocalFile*> FindWeights(
    const std::vector<LocalFile>& files) {
  if (const LocalFile* file = Find(files, kModelFile)) return file;
  const LocalFile* only = nullptr;
  for (const LocalFile& file : files) {
    if (!absl::EndsWith(file.name, ".safetensors") ||
        file.name == kTrainerStateFile || file.name == kFisherFile) {
      continue;
    }
    if (only != nullptr) return Require(files, kModelFile);
    only = &file;
  }
  return only != nullptr ? only : Require(files, kModelFile);
}

absl::Status Differs(const LocalFile& file, const char* what) {
  return absl::DataLossError(absl::StrCat(file.path, ": its ", what,
                                          " is not that of ", kManifestFile));
}

absl::Status Verify(const LocalFile& file, const ManifestFile& expected) {
  KEEL_ASSIGN_OR_RETURN(const int64_t size, FileSize(file.path));
  if (size != expected.size_bytes) return Differs(file, "size");
  KEEL_ASSIGN_OR_RETURN(const std::string digest, FileSha256Hex(file.path));
  if (digest != expected.sha256) return Differs(file, "SHA-256");
  return absl::OkStatus();
}

// Checks `file` if the manifest is at hand and lists it.
absl::Status VerifyIfListed(const std::vector<LocalFile>& files,
                            const LocalFile& file) {
  const LocalFile* manifest = Find(files, kManifestFile);
  if (manifest == nullptr) return absl::OkStatus();
  KEEL_ASSIGN_OR_RETURN(const std::string json, ReadFile(manifest->path));
  const auto listed = ManifestFiles(json);
  // The agent has checked its digest: this machine's disk changed it.
  if (!listed.ok()) {
    return absl::DataLossError(
        absl::StrCat(manifest->path, ": ", listed.status().message()));
  }
  for (const ManifestFile& expected : *listed) {
    if (expected.name == file.name) return Verify(file, expected);
  }
  return absl::OkStatus();
}

absl::StatusOr<ModelConfig> LoadConfig(
    const std::vector<LocalFile>& files,
    const std::optional<ModelConfig>& wanted) {
  const LocalFile* file = Find(files, kModelConfigFile);
  if (file == nullptr && wanted.has_value()) return *wanted;
  if (file == nullptr) return Require(files, kModelConfigFile).status();
  KEEL_RETURN_IF_ERROR(VerifyIfListed(files, *file));
  KEEL_ASSIGN_OR_RETURN(const std::string json, ReadFile(file->path));
  KEEL_ASSIGN_OR_RETURN(ModelConfig config,
                        ModelConfigFromOpenClip(json, file->name));
  if (!wanted.has_value()) return config;
  const absl::Status same = RequireSameArchitecture(config, *wanted);
  if (same.ok()) return config;
  return absl::InvalidArgumentError(
      absl::StrCat(file->name, ": ", same.message()));
}

NamedTensor ToCounter(const char* name, int64_t value) {
  return {name, at::full({1}, value, at::kLong)};
}

std::vector<NamedTensor> StateTensors(const ClipModel& model,
                                      const TrainerState& state) {
  std::vector<NamedTensor> tensors;
  for (size_t i = 0; i < model.parameters().size(); ++i) {
    const std::string& name = model.parameters()[i].name;
    tensors.push_back({kExpAvg + name, state.exp_avg.at(i)});
    tensors.push_back({kExpAvgSq + name, state.exp_avg_sq.at(i)});
    if (state.fisher_sums.empty()) continue;
    tensors.push_back({kFisherSum + name, state.fisher_sums.at(i)});
  }
  tensors.push_back(ToCounter(kOptimizerStep, state.optimizer_step));
  tensors.push_back(ToCounter(kPhaseStep, state.phase_step));
  return tensors;
}

std::vector<NamedTensor> FisherTensors(const ClipModel& model,
                                       const Fisher& fisher) {
  std::vector<NamedTensor> tensors;
  for (size_t i = 0; i < model.parameters().size(); ++i) {
    tensors.push_back({kFisherDiagonal + model.parameters()[i].name,
                       fisher.diagonal.at(i).to(at::kCPU)});
  }
  tensors.push_back(ToCounter(kPhaseCount, fisher.phase_count));
  return tensors;
}

// Takes the tensor `prefix` of a parameter out of the file.
absl::StatusOr<at::Tensor> Moment(const Safetensors& file, const char* prefix,
                                  const NamedTensor& parameter) {
  KEEL_ASSIGN_OR_RETURN(const at::Tensor moment,
                        file.Find(prefix + parameter.name));
  if (moment.sizes() != parameter.tensor.sizes()) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor \"", prefix, parameter.name,
                     "\" has another shape than its parameter"));
  }
  return moment.to(parameter.tensor.options().requires_grad(false));
}

absl::StatusOr<int64_t> Counter(const Safetensors& file, const char* name) {
  KEEL_ASSIGN_OR_RETURN(const at::Tensor tensor, file.Find(name));
  if (tensor.numel() == 1 && tensor.scalar_type() == at::kLong) {
    return tensor.item<int64_t>();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("tensor \"", name, "\" is not one I64"));
}

absl::StatusOr<TrainerState> StateFrom(const Safetensors& file,
                                       const ClipModel& model) {
  TrainerState state;
  for (const NamedTensor& parameter : model.parameters()) {
    KEEL_ASSIGN_OR_RETURN(state.exp_avg.emplace_back(),
                          Moment(file, kExpAvg, parameter));
    KEEL_ASSIGN_OR_RETURN(state.exp_avg_sq.emplace_back(),
                          Moment(file, kExpAvgSq, parameter));
    if (!file.Find(kFisherSum + parameter.name).ok()) continue;
    KEEL_ASSIGN_OR_RETURN(state.fisher_sums.emplace_back(),
                          Moment(file, kFisherSum, parameter));
  }
  KEEL_ASSIGN_OR_RETURN(state.optimizer_step, Counter(file, kOptimizerStep));
  KEEL_ASSIGN_OR_RETURN(state.phase_step, Counter(file, kPhaseStep));
  return state;
}

absl::StatusOr<Fisher> FisherFrom(const Safetensors& file,
                                  const ClipModel& model) {
  Fisher fisher;
  for (const NamedTensor& parameter : model.parameters()) {
    KEEL_ASSIGN_OR_RETURN(fisher.diagonal.emplace_back(),
                          Moment(file, kFisherDiagonal, parameter));
  }
  KEEL_ASSIGN_OR_RETURN(fisher.phase_count, Counter(file, kPhaseCount));
  if (fisher.phase_count > 0) return fisher;
  return absl::InvalidArgumentError(
      absl::StrCat("tensor \"", kPhaseCount, "\" is not positive"));
}

// Reads the file with `from`, whose complaints get the file's path.
template <typename From>
auto ReadState(const std::vector<LocalFile>& files, const LocalFile& file,
               const ClipModel& model, From from)
    -> decltype(from(std::declval<Safetensors>(), model)) {
  KEEL_RETURN_IF_ERROR(VerifyIfListed(files, file));
  KEEL_ASSIGN_OR_RETURN(const Safetensors tensors, ReadSafetensors(file.path));
  auto state = from(tensors, model);
  if (state.ok()) return state;
  return absl::InvalidArgumentError(
      absl::StrCat(file.path, ": ", state.status().message()));
}

absl::StatusOr<std::vector<ManifestFile>> Describe(
    const std::vector<LocalFile>& files) {
  std::vector<ManifestFile> described;
  for (const LocalFile& file : files) {
    ManifestFile entry{file.name};
    KEEL_ASSIGN_OR_RETURN(entry.size_bytes, FileSize(file.path));
    KEEL_ASSIGN_OR_RETURN(entry.sha256, FileSha256Hex(file.path));
    described.push_back(std::move(entry));
  }
  return described;
}

}  // namespace

absl::StatusOr<std::vector<LocalFile>> WriteCheckpoint(
    const std::string& directory, const ClipModel& model,
    const ManifestInfo& info, const TrainerState* state, const Fisher* fisher) {
  KEEL_RETURN_IF_ERROR(CreateDirectories(directory));
  std::vector<LocalFile> files;
  const auto path = [&](const char* name) {
    return files.emplace_back(LocalFile{name, JoinPath(directory, name)}).path;
  };
  // An older manifest must not vouch for half of the new files.
  KEEL_RETURN_IF_ERROR(RemoveFile(JoinPath(directory, kManifestFile)));
  KEEL_RETURN_IF_ERROR(
      WriteSafetensors(path(kModelFile), model.state(), {{"format", "pt"}}));
  KEEL_RETURN_IF_ERROR(WriteFileAtomically(path(kModelConfigFile),
                                           OpenClipConfigJson(model.config())));
  if (state != nullptr) {
    KEEL_RETURN_IF_ERROR(
        WriteSafetensors(path(kTrainerStateFile), StateTensors(model, *state)));
  }
  if (fisher != nullptr) {
    KEEL_RETURN_IF_ERROR(
        WriteSafetensors(path(kFisherFile), FisherTensors(model, *fisher)));
  }
  KEEL_ASSIGN_OR_RETURN(const std::vector<ManifestFile> described,
                        Describe(files));
  KEEL_RETURN_IF_ERROR(
      WriteFileAtomically(path(kManifestFile), ManifestJson(info, described)));
  return files;
}

absl::StatusOr<ClipModel> LoadModel(const std::vector<LocalFile>& files,
                                    at::Device device,
                                    const std::optional<ModelConfig>& wanted) {
  KEEL_ASSIGN_OR_RETURN(const ModelConfig config, LoadConfig(files, wanted));
  KEEL_ASSIGN_OR_RETURN(const LocalFile* weights, FindWeights(files));
  KEEL_RETURN_IF_ERROR(VerifyIfListed(files, *weights));
  KEEL_ASSIGN_OR_RETURN(Safetensors file, ReadSafetensors(weights->path));
  auto model = ClipModel::FromTensors(
      config, WithOpenClipNames(std::move(file.tensors)), device);
  if (model.ok()) return model;
  return absl::InvalidArgumentError(
      absl::StrCat(weights->path, ": ", model.status().message()));
}

absl::StatusOr<TrainerState> LoadTrainerState(
    const std::vector<LocalFile>& files, const ClipModel& model) {
  KEEL_ASSIGN_OR_RETURN(const LocalFile* file,
                        Require(files, kTrainerStateFile));
  return ReadState(files, *file, model, StateFrom);
}

absl::StatusOr<std::optional<Fisher>> LoadFisher(
    const std::vector<LocalFile>& files, const ClipModel& model) {
  const LocalFile* file = Find(files, kFisherFile);
  if (file == nullptr) return std::nullopt;
  KEEL_ASSIGN_OR_RETURN(Fisher fisher,
                        ReadState(files, *file, model, FisherFrom));
  return fisher;
}

}  // namespace keel
