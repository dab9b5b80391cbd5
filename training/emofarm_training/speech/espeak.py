"""eSpeak NG through its C library: speech with the start time of every phoneme.

Interface: `speak_lib.h` of eSpeak NG 1.51 (https://github.com/espeak-ng/espeak-ng/blob/1.51/src/include/espeak-ng/speak_lib.h).
"""

from __future__ import annotations

import ctypes
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

_SYNCHRONOUS = 2
_PHONEME_EVENTS, _PHONEME_IPA, _DONT_EXIT = 0x0001, 0x0002, 0x8000
_CHARS_UTF8 = 1
_EVENT_END, _EVENT_PHONEME = 0, 7
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", _Id),
    ]  # fmt: skip


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class RawSpeech:
    """What a synthesiser gives: float32 mono samples and ``(name, start_s, end_s)`` for each phoneme."""

    samples: np.ndarray
    rate: int
    phonemes: list[tuple[str, float, float]]


class Espeak:
    """The loaded library; at most one in a process."""

    def __init__(self) -> None:
        self._lib = ctypes.CDLL("libespeak-ng.so.1")
        self._lib.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
        options = _PHONEME_EVENTS | _PHONEME_IPA | _DONT_EXIT
        self.rate = self._lib.espeak_Initialize(_SYNCHRONOUS, 200, None, options)
        if self.rate <= 0:
            raise RuntimeError("eSpeak NG did not start; install espeak-ng and its data")
        self._chunks: list[np.ndarray] = []
        self._events: list[tuple[str, int]] = []
        self._callback = _CALLBACK(self._collect)  # kept alive: the library holds only the address
        self._lib.espeak_SetSynthCallback(self._callback)

    def _collect(self, wave: object, count: int, events: object) -> int:
        if wave and count > 0:
            self._chunks.append(np.ctypeslib.as_array(wave, shape=(count,)).copy())
        i = 0
        while events[i].type != _EVENT_END:
            if events[i].type == _EVENT_PHONEME:
                # Read the eight bytes themselves: a name of full length has no closing zero.
                name = ctypes.string_at(ctypes.addressof(events[i].id), 8).split(b"\0")[0]
                self._events.append((name.decode("utf-8", "ignore"), events[i].sample))
            i += 1
        return 0

    def speak(self, text: str, voice: str, *, rate: int, pitch: int, range_: int) -> RawSpeech:
        """``voice`` as in ``en-us+f3``; ``rate`` in words per minute, ``pitch`` and ``range_`` 0..100."""
        if self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"eSpeak NG has no voice {voice!r}; see `espeak-ng --voices`")
        for key, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, range_), (_VOLUME, 80)):
            self._lib.espeak_SetParameter(key, int(value), 0)
        self._chunks, self._events = [], []
        data = text.encode() + b"\0"
        self._lib.espeak_Synth(data, len(data), 0, 1, 0, _CHARS_UTF8, None, None)
        samples = np.concatenate(self._chunks) if self._chunks else np.zeros(0, np.int16)
        starts = [s / self.rate for _, s in self._events] + [len(samples) / self.rate]
        phonemes = [(n, starts[i], starts[i + 1]) for i, (n, _) in enumerate(self._events) if starts[i + 1] > starts[i]]
        return RawSpeech(samples.astype(np.float32) / 32768.0, self.rate, phonemes)


def speak(text: str, voice: str, *, rate: int, pitch: int, range_: int) -> RawSpeech:
    """:meth:`Espeak.speak` in a child process of its own.

    The library carries a little state from one utterance to the next (pauses differ by milliseconds) and
    cannot be started twice in a process. A fresh child makes the result a function of the arguments only.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _answer(reader, writer, lambda: Espeak().speak(text, voice, rate=rate, pitch=pitch, range_=range_))
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    if not data:
        raise RuntimeError(f"eSpeak NG broke off on {text!r} with voice {voice!r}")
    answer = pickle.loads(data)
    if isinstance(answer, Exception):
        raise answer
    return answer


def _answer(reader: int, writer: int, call: Callable[[], RawSpeech]) -> NoReturn:
    """The child's whole life: send the result, or the error, and end without the parent's clean-up."""
    try:
        os.close(reader)
        try:
            answer: RawSpeech | Exception = call()
        except Exception as error:
            answer = error
        with os.fdopen(writer, "wb") as pipe:
            pickle.dump(answer, pipe)
    finally:
        os._exit(0)
