#include "worker/data/bpe.h"

#include <queue>
#include <string>

#include "worker/data/embedded_data.h"

namespace keel {
namespace {

constexpr int32_t kBytes = 256;

// Bytes that stand for themselves in the merges file.
bool IsPrintable(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
         byte >= 0xAE;
}

// The printable bytes come first in the vocabulary, then the others.
std::array<int32_t, 256> ByteIds() {
  std::array<int32_t, 256> ids;
  int32_t next = 0;
  for (int byte = 0; byte < kBytes; ++byte) {
    if (IsPrintable(byte)) ids[byte] = next++;
  }
  for (int byte = 0; byte < kBytes; ++byte) {
    if (!IsPrintable(byte)) ids[byte] = next++;
  }
  return ids;
}

// UTF-8 of a character below U+0800.
std::string ShortUtf8(int c) {
  if (c < 0x80) return std::string(1, static_cast<char>(c));
  return {static_cast<char>(0xC0 | (c >> 6)),
          static_cast<char>(0x80 | (c & 0x3F))};
}

using Vocabulary = absl::flat_hash_map<std::string, int32_t>;

// How the merges file writes the single bytes: the printable ones as the
// character of the same number, the others as U+0100 and following.
Vocabulary ByteVocabulary(const std::array<int32_t, 256>& ids) {
  Vocabulary vocabulary;
  int next = kBytes;
  for (int byte = 0; byte < kBytes; ++byte) {
    const std::string name = ShortUtf8(IsPrintable(byte) ? byte : next++);
    vocabulary[name] = ids[byte];
    vocabulary[name + "</w>"] = ids[byte] + kBytes;
  }
  return vocabulary;
}

}  // namespace

Bpe::Bpe(std::string_view merges) : byte_ids_(ByteIds()) {
  Vocabulary vocabulary = ByteVocabulary(byte_ids_);
  int32_t next = 2 * kBytes;
  for (std::string_view line : SplitLines(merges)) {
    const size_t blank = line.find(' ');
    const std::string first(line.substr(0, blank));
    const std::string second(line.substr(blank + 1));
    merged_[Key(vocabulary.at(first), vocabulary.at(second))] = next;
    vocabulary[first + second] = next++;
  }
}

int32_t Bpe::Find(int32_t first, int32_t second) const {
  const auto it = merged_.find(Key(first, second));
  return it == merged_.end() ? -1 : it->second;
}

// A word's symbols as a linked list, and its possible merges, the one that
// was learnt first on top (the leftmost of equals). A merge's own pairs were
// learnt after it, so this order equals merging one rule at a time.
struct Bpe::Merger {
  struct Candidate {
    int32_t merged;
    int left;
    int right;
    bool operator<(const Candidate& other) const {
      return merged != other.merged ? merged > other.merged : left > other.left;
    }
  };

  void Push(int left, int right) {
    const int32_t merged = bpe.Find(ids[left], ids[right]);
    if (merged >= 0) candidates.push({merged, left, right});
  }

  // False for a candidate whose symbols have changed since.
  bool IsCurrent(const Candidate& c) const {
    return ids[c.left] >= 0 && ids[c.right] >= 0 && next[c.left] == c.right &&
           bpe.Find(ids[c.left], ids[c.right]) == c.merged;
  }

  void Apply(const Candidate& c) {
    ids[c.left] = c.merged;
    ids[c.right] = -1;
    next[c.left] = next[c.right];
    if (next[c.left] < size()) {
      previous[next[c.left]] = c.left;
      Push(c.left, next[c.left]);
    }
    if (previous[c.left] >= 0) Push(previous[c.left], c.left);
  }

  int size() const { return static_cast<int>(ids.size()); }

  const Bpe& bpe;
  // -1: swallowed by the symbol to its left.
  std::vector<int32_t> ids;
  std::vector<int> previous;
  std::vector<int> next;
  std::priority_queue<Candidate> candidates;
};

std::vector<int32_t> Bpe::Encode(std::string_view word) const {
  Merger merger{*this, {}, {}, {}, {}};
  const int size = static_cast<int>(word.size());
  for (int i = 0; i < size; ++i) {
    const int32_t end_of_word = i == size - 1 ? kBytes : 0;
    merger.ids.push_back(byte_ids_[static_cast<uint8_t>(word[i])] +
                         end_of_word);
    merger.previous.push_back(i - 1);
    merger.next.push_back(i + 1);
  }
  for (int i = 0; i + 1 < size; ++i) merger.Push(i, i + 1);
  while (!merger.candidates.empty()) {
    const Merger::Candidate top = merger.candidates.top();
    merger.candidates.pop();
    if (merger.IsCurrent(top)) merger.Apply(top);
  }
  std::vector<int32_t> ids;
  for (int i = 0; i < size; i = merger.next[i]) ids.push_back(merger.ids[i]);
  return ids;
}

}  // namespace keel
