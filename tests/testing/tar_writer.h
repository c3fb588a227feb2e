// Makes tars for tests: good ones, and ones that are wrong in a chosen way.
#ifndef KEEL_TESTS_TESTING_TAR_WRITER_H_
#define KEEL_TESTS_TESTING_TAR_WRITER_H_

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace keel::testing {

// Not thread-safe. Every Add returns the writer, to be chained.
class TarWriter {
 public:
  // A plain file, or an entry of another type (such as '2', a symbolic link).
  TarWriter& Add(std::string_view name, std::string_view data,
                 char type = '0') {
    return AddHeader(Header(name, data.size(), type)).AddPadded(data);
  }
  // As GNU tar stores a long name: an entry 'L' before the entry.
  TarWriter& AddGnuLong(std::string_view name, std::string_view data) {
    Add("././@LongLink", std::string(name) + '\0', 'L');
    return Add(name.substr(0, 99), data);
  }
  // Extended records ("path=...") that hold for the next entry ('x') or for
  // all of them ('g').
  TarWriter& AddPax(const std::string& records, char type = 'x') {
    return Add("pax", records, type);
  }
  // A file whose size is stored in binary.
  TarWriter& AddBase256(std::string_view name, std::string_view data) {
    std::string header = Header(name, 0, '0');
    std::string size(12, '\0');
    size[0] = '\x80';
    for (int i = 0; i < 8; ++i) {
      size[11 - i] = static_cast<char>(uint64_t{data.size()} >> (8 * i));
    }
    header.replace(124, 12, size);
    return AddHeader(Sealed(header)).AddPadded(data);
  }
  // A header block as it is; data are up to the caller (AddPadded, AddRaw).
  TarWriter& AddHeader(const std::string& block) { return AddRaw(block); }
  TarWriter& AddPadded(std::string_view data) {
    AddRaw(data);
    return AddRaw(std::string((512 - data.size() % 512) % 512, '\0'));
  }
  TarWriter& AddRaw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }

  // Bytes so far, without an end mark.
  const std::string& bytes() const { return bytes_; }
  // The whole tar.
  std::string Finish() const { return bytes_ + std::string(1024, '\0'); }

  // A ustar header. `size` is what it claims.
  static std::string Header(std::string_view name, uint64_t size, char type) {
    std::string block(512, '\0');
    block.replace(0, std::min<size_t>(name.size(), 100), name.substr(0, 100));
    block.replace(100, 8, std::string("0000644\0", 8));
    block.replace(124, 12, Octal(size, 11) + '\0');
    block.replace(136, 12, Octal(0, 11) + '\0');
    block[156] = type;
    block.replace(257, 8, std::string("ustar\00000", 8));
    return Sealed(block);
  }
  // The block with its checksum put right.
  static std::string Sealed(std::string block) {
    block.replace(148, 8, 8, ' ');
    uint64_t sum = 0;
    for (unsigned char c : block) sum += c;
    return block.replace(148, 8, Octal(sum, 6) + std::string("\0 ", 2));
  }
  // Puts the checksums of all blocks right that look like headers, so that
  // damage gets past them.
  static void SealHeaders(std::string* tar) {
    for (size_t at = 0; at + 512 <= tar->size(); at += 512) {
      if (tar->compare(at + 257, 5, "ustar") != 0) continue;
      tar->replace(at, 512, Sealed(tar->substr(at, 512)));
    }
  }
  // One pax record: its length, a blank, "key=value", a line end.
  static std::string PaxRecord(const std::string& key,
                               const std::string& value) {
    const std::string body = " " + key + "=" + value + "\n";
    size_t length = body.size() + 1;
    while (std::to_string(length).size() + body.size() != length) ++length;
    return std::to_string(length) + body;
  }

 private:
  static std::string Octal(uint64_t value, int digits) {
    char text[32];
    std::snprintf(text, sizeof(text), "%0*llo", digits,
                  static_cast<unsigned long long>(value));
    return text;
  }

  std::string bytes_;
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_TESTING_TAR_WRITER_H_
