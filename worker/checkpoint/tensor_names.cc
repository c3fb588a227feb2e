#include "worker/checkpoint/tensor_names.h"

#include <string>
#include <string_view>

#include "absl/algorithm/container.h"

namespace keel {
namespace {

constexpr std::string_view kModule = "module.";
constexpr std::string_view kText = "text.";
constexpr std::string_view kSizes[] = {"input_resolution", "context_length",
                                       "vocab_size"};

bool IsSize(const NamedTensor& t) {
  return absl::c_linear_search(kSizes, t.name);
}

void RemovePrefix(std::string_view prefix, std::string& name) {
  if (name.starts_with(prefix)) name.erase(0, prefix.size());
}

}  // namespace

std::vector<NamedTensor> WithOpenClipNames(std::vector<NamedTensor> tensors) {
  const bool wrapped = std::all_of(
      tensors.begin(), tensors.end(),
      [](const NamedTensor& t) { return t.name.starts_with(kModule); });
  for (NamedTensor& t : tensors) {
    if (wrapped) RemovePrefix(kModule, t.name);
    RemovePrefix(kText, t.name);
    if (t.name == "logit_scale" && t.tensor.numel() == 1) {
      t.tensor = t.tensor.reshape({});
    }
  }
  std::erase_if(tensors, IsSize);
  return tensors;
}

}  // namespace keel
