// Classes and prompt templates of a zero-shot classification. Pure.
#ifndef KEEL_WORKER_TRAIN_CLASS_LIST_H_
#define KEEL_WORKER_TRAIN_CLASS_LIST_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace keel {

// Names by number, and back.
class ClassList {
 public:
  // One name a line; blank lines and blanks at both ends do not count.
  // INVALID_ARGUMENT, naming `file`: none, or one that comes twice.
  static absl::StatusOr<ClassList> Parse(std::string_view text,
                                         const std::string& file);
  // Those that occur, in the order of their bytes.
  static ClassList OfLabels(const std::vector<std::string>& labels);

  const std::vector<std::string>& names() const { return names_; }
  int64_t size() const { return static_cast<int64_t>(names_.size()); }
  // Numbers of the labels; blanks at both ends do not count. INVALID_ARGUMENT
  // names the first that is no class, and its sample of `keys`.
  absl::StatusOr<std::vector<int64_t>> NumbersOf(
      const std::vector<std::string>& labels,
      const std::vector<std::string>& keys) const;

 private:
  absl::Status Add(std::string_view name);

  std::vector<std::string> names_;
  std::map<std::string, int64_t, std::less<>> numbers_;
};

// One template a line, each with {} where the name goes. INVALID_ARGUMENT,
// naming `file` and line: none, or one without it.
absl::StatusOr<std::vector<std::string>> ParseTemplates(
    std::string_view text, const std::string& file);

// The template with every {} replaced.
std::string Prompt(const std::string& prompt_template, const std::string& name);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_CLASS_LIST_H_
