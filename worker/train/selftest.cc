#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/plan/phase_schedule.h"
#include "common/status_macros.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/comm/catch.h"
#include "worker/train/device_setup.h"
#include "worker/train/loss.h"
#include "worker/train/tools.h"

namespace keel {
namespace {

constexpr double kBound = 1e-5;
constexpr double kLogitScaleBound = 3e-5;
constexpr char kGradLogitScale[] = "grad_logit_scale";
// What the report says of itself.
constexpr char kNote[] =
    "world: the shares of so many members are added up in this process; no "
    "collective is tested";
constexpr int64_t kMostMembers = 3;
// Small enough that the files' batches need several, with ragged ones.
constexpr int64_t kTileRows = 7;
constexpr int64_t kTileColumns = 12;

// Inputs and expected results of one file.
struct LossCase {
  Safetensors file;
  LossOptions options;
  at::Device device = at::Device(at::kCPU);

  at::Tensor Expected(const std::string& name) const {
    return file.Find(name)->to(at::kDouble);
  }
  at::Tensor Input(const std::string& name) const {
    return file.Find(name)->to(device, at::kFloat);
  }
};

using Errors = std::map<std::string, double>;

at::Tensor Length(const at::Tensor& x) { return x.norm(2, {1}, true); }

double ErrorOf(const at::Tensor& value, const at::Tensor& expected) {
  const at::Tensor difference =
      value.to(at::kCPU, at::kDouble).reshape_as(expected) - expected;
  const double largest = expected.abs().max().item<double>();
  const double error = difference.abs().max().item<double>();
  return largest > 0 ? error / largest : error;
}

absl::StatusOr<LossCase> ReadCase(const std::string& path, at::Device device) {
  LossCase loss_case;
  loss_case.device = device;
  KEEL_ASSIGN_OR_RETURN(loss_case.file, ReadSafetensors(path));
  for (const char* name : {"image", "text", "teacher_image", "teacher_text",
                           "logit_scale", "contrastive", "distill", "total",
                           "grad_image", "grad_text", kGradLogitScale}) {
    KEEL_RETURN_IF_ERROR(loss_case.file.Find(name).status());
  }
  const auto alpha = loss_case.file.metadata.find("alpha");
  if (alpha == loss_case.file.metadata.end() ||
      !absl::SimpleAtod(alpha->second, &loss_case.options.alpha)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": no number \"alpha\" in the metadata"));
  }
  loss_case.options.kl_reduction = KlReduction::kSum;
  loss_case.options.tile_rows = kTileRows;
  loss_case.options.tile_columns = kTileColumns;
  return loss_case;
}

// The shares of `members`, added up as the group's collectives do.
LossShare SumOfShares(const LossCase& loss_case,
                      const GlobalEmbeddings& embeddings, int64_t members) {
  const int64_t rows = embeddings.image.size(0);
  const at::Tensor scale = loss_case.Input("logit_scale");
  at::Tensor statistics;
  for (int64_t member = 0; member < members; ++member) {
    const at::Tensor part =
        LossStatistics(embeddings, scale, NearEqualPart(rows, member, members),
                       loss_case.options);
    statistics = member == 0 ? part : statistics + part;
  }
  LossShare sum;
  sum.grad_image = at::zeros_like(embeddings.image);
  sum.grad_text = at::zeros_like(embeddings.text);
  sum.grad_logit_scale = at::zeros_like(scale);
  for (int64_t member = 0; member < members; ++member) {
    const LossShare share = ComputeLossShare(
        embeddings, scale, NearEqualPart(rows, member, members),
        loss_case.options, statistics);
    sum.contrastive += share.contrastive;
    sum.distill += share.distill;
    sum.total += share.total;
    sum.grad_image += share.grad_image;
    sum.grad_text += share.grad_text;
    sum.grad_logit_scale += share.grad_logit_scale.reshape_as(scale);
  }
  return sum;
}

Errors RunPath(const LossCase& loss_case, int64_t members) {
  const auto unit = [&](const char* name) {
    const at::Tensor x = loss_case.Input(name);
    return x / Length(x);
  };
  const GlobalEmbeddings embeddings{
      unit("image"), unit("text"), unit("teacher_image"), unit("teacher_text")};
  const LossShare sum = SumOfShares(loss_case, embeddings, members);
  // The files hold gradients by the features, which have any length.
  const auto by_features = [&](const char* name, const at::Tensor& unit,
                               const at::Tensor& gradient) {
    return (gradient - unit * (gradient * unit).sum(1, true)) /
           Length(loss_case.Input(name));
  };
  const std::map<std::string, at::Tensor> results = {
      {"contrastive", at::full({1}, sum.contrastive, at::kDouble)},
      {"distill", at::full({1}, sum.distill, at::kDouble)},
      {"total", at::full({1}, sum.total, at::kDouble)},
      {"grad_image", by_features("image", embeddings.image, sum.grad_image)},
      {"grad_text", by_features("text", embeddings.text, sum.grad_text)},
      {kGradLogitScale, sum.grad_logit_scale}};
  Errors errors;
  for (const auto& [name, value] : results) {
    errors[name] = ErrorOf(value, loss_case.Expected(name));
  }
  return errors;
}

bool WithinBounds(const Errors& errors) {
  return std::all_of(errors.begin(), errors.end(), [](const auto& error) {
    // Written so that NaN fails.
    return error.second <=
           (error.first == kGradLogitScale ? kLogitScaleBound : kBound);
  });
}

absl::StatusOr<bool> RunFile(const std::string& path, at::Device device,
                             nlohmann::json& report) {
  KEEL_ASSIGN_OR_RETURN(LossCase loss_case, ReadCase(path, device));
  bool all_ok = true;
  for (const auto& [name, loss_path] :
       {std::pair("dense", LossPath::kDense), {"tiled", LossPath::kTiled}}) {
    loss_case.options.path = loss_path;
    for (int64_t members = 1; members <= kMostMembers; ++members) {
      const Errors errors = RunPath(loss_case, members);
      const bool ok = WithinBounds(errors);
      all_ok = all_ok && ok;
      report.push_back({{"file", path},
                        {"path", name},
                        {"world", members},
                        {"errors", errors},
                        {"ok", ok}});
    }
  }
  return all_ok;
}

absl::Status Selftest(const SelftestOptions& options, std::ostream& out) {
  if (options.loss_files.empty()) {
    return absl::InvalidArgumentError(
        "no loss file was given (--loss): nothing to test");
  }
  KEEL_ASSIGN_OR_RETURN(const c10::Device device,
                        ResolveDevice(options.device));
  SetUpProcess(options.threads);
  const DeviceInfo info = DescribeDevice(device, options.threads);
  nlohmann::json losses = nlohmann::json::array();
  bool all_ok = true;
  for (const std::string& path : options.loss_files) {
    KEEL_ASSIGN_OR_RETURN(const bool ok, RunFile(path, device, losses));
    all_ok = all_ok && ok;
  }
  out << nlohmann::json{{"device", info.device},
                        {"capability", info.capability},
                        {"threads", info.threads},
                        {"note", kNote},
                        {"loss", losses},
                        {"ok", all_ok}}
             .dump(2)
      << "\n";
  return all_ok ? absl::OkStatus()
                : absl::FailedPreconditionError(
                      "an error is above its bound on this machine");
}

}  // namespace

absl::Status RunSelftest(const SelftestOptions& options, std::ostream& out) {
  return CatchStatus(absl::StatusCode::kInternal, "selftest",
                     [&] { return Selftest(options, out); });
}

}  // namespace keel
