"""Sound in: files or PCM to mono float32, to one sample rate, to windows, to log-mel. The same on trainer and Pi.

decode_audio  ->  resample  ->  cut_windows  ->  LogMel [->  level_patches]     a whole clip
StreamWindows (resamples and cuts)           ->  LogMel [->  level_patches]     PCM that is still arriving
"""

from pipit.inputs.audio.decode import decode_audio
from pipit.inputs.audio.limits import AudioLimits
from pipit.inputs.audio.log_mel import LIBROSA_22K, WHISPER, YAMNET, LogMel, LogMelParameters
from pipit.inputs.audio.patches import PATCH_FRAMES, level_patches, patch_starts
from pipit.inputs.audio.resample import resample
from pipit.inputs.audio.stream import StreamWindows
from pipit.inputs.audio.windows import cut_windows

__all__ = [
    "LIBROSA_22K",
    "PATCH_FRAMES",
    "WHISPER",
    "YAMNET",
    "AudioLimits",
    "LogMel",
    "LogMelParameters",
    "StreamWindows",
    "cut_windows",
    "decode_audio",
    "level_patches",
    "patch_starts",
    "resample",
]
