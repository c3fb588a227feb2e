// CLIP's byte-level BPE tokenizer (49,408 ids), equal to OpenCLIP's
// SimpleTokenizer: text cleaned (text_cleaner.h says how far), cut into words,
// digits and signs, and merged by CLIP's merges. "<start_of_text>" and
// "<end_of_text>" inside a text give those ids, as they do there.
#ifndef KEEL_WORKER_DATA_TOKENIZER_H_
#define KEEL_WORKER_DATA_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace keel {

// Thread-safe after construction.
class Tokenizer {
 public:
  static constexpr int32_t kStart = 49406;
  static constexpr int32_t kEnd = 49407;

  // From the merges that are built into the program.
  Tokenizer();
  ~Tokenizer();

  // Ids of the text without start and end.
  std::vector<int32_t> Encode(std::string_view utf8) const;
  // Start, ids, end; cut to `context_length` (at least 2) with the end kept as
  // the last; not padded.
  std::vector<int32_t> Tokenize(std::string_view utf8,
                                int context_length) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keel

#endif  // KEEL_WORKER_DATA_TOKENIZER_H_
