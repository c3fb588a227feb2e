#include "worker/train/class_list.h"

#include <set>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/status_macros.h"
#include "common/string_view.h"
#include "common/utf8.h"

namespace keel {
namespace {

constexpr char kPlace[] = "{}";

std::string Stripped(std::string_view text) {
  return std::string(absl::StripAsciiWhitespace(ToAbsl(text)));
}

// Lines that are not blank, with their numbers from 1. INVALID_ARGUMENT names
// the first that is not UTF-8.
absl::StatusOr<std::vector<std::pair<int, std::string>>> LinesOf(
    std::string_view text, const std::string& file) {
  std::vector<std::pair<int, std::string>> lines;
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(ToAbsl(text), '\n')) {
    ++number;
    std::string stripped(absl::StripAsciiWhitespace(line));
    if (!IsValidUtf8(stripped)) {
      return absl::InvalidArgumentError(absl::StrCat(
          file, ":", number, ": not UTF-8: \"", ToValidUtf8(stripped), "\""));
    }
    if (!stripped.empty()) lines.emplace_back(number, std::move(stripped));
  }
  return lines;
}

}  // namespace

absl::Status ClassList::Add(std::string_view name) {
  if (!numbers_.emplace(std::string(name), size()).second) {
    return absl::InvalidArgumentError(
        absl::StrCat("class \"", ToAbsl(name), "\" comes twice"));
  }
  names_.emplace_back(name);
  return absl::OkStatus();
}

absl::StatusOr<ClassList> ClassList::Parse(std::string_view text,
                                           const std::string& file) {
  KEEL_ASSIGN_OR_RETURN(const auto lines, LinesOf(text, file));
  ClassList classes;
  for (const auto& [number, name] : lines) {
    if (const absl::Status added = classes.Add(name); !added.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(file, ":", number, ": ", added.message()));
    }
  }
  if (classes.names_.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": no class in it"));
  }
  return classes;
}

ClassList ClassList::OfLabels(const std::vector<std::string>& labels) {
  std::set<std::string> distinct;
  for (const std::string& label : labels) distinct.insert(Stripped(label));
  ClassList classes;
  // A set has none twice.
  for (const std::string& name : distinct) classes.Add(name).IgnoreError();
  return classes;
}

absl::StatusOr<std::vector<int64_t>> ClassList::NumbersOf(
    const std::vector<std::string>& labels,
    const std::vector<std::string>& keys) const {
  std::vector<int64_t> numbers;
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto found = numbers_.find(Stripped(labels[i]));
    if (found == numbers_.end()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "sample ", keys[i], ": \"", labels[i], "\" is none of the ",
          names_.size(), " classes; a sample's label is its first caption"));
    }
    numbers.push_back(found->second);
  }
  return numbers;
}

absl::StatusOr<std::vector<std::string>> ParseTemplates(
    std::string_view text, const std::string& file) {
  KEEL_ASSIGN_OR_RETURN(auto lines, LinesOf(text, file));
  std::vector<std::string> templates;
  for (auto& [number, line] : lines) {
    if (!absl::StrContains(line, kPlace)) {
      return absl::InvalidArgumentError(
          absl::StrCat(file, ":", number, ": template \"", line,
                       "\" has no {} for the class's name"));
    }
    templates.push_back(std::move(line));
  }
  if (templates.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, ": no template in it"));
  }
  return templates;
}

std::string Prompt(const std::string& prompt_template,
                   const std::string& name) {
  return absl::StrReplaceAll(prompt_template, {{kPlace, name}});
}

}  // namespace keel
