"""The sounds that the simulated voice can make: the phone inventory of a formant synthesiser.

Formants of vowels are the means of adult men in Peterson & Barney (1952), F4 after Klatt (1980);
consonants follow the loci and friction spectra of Klatt (1980) and Stevens (1998); durations are
the inherent ones of Klatt (1979), rounded. Speakers scale the formants by their own vocal tract.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Friction:
    """Noise made at a constriction.

    Args:
        centre_hz: resonance of the cavity in front of the constriction.
        bandwidth_hz: width of that resonance.
        level_db: level against that of a vowel.
        onset: share of the phone after which the noise begins: 0 for a fricative, late for the
            burst that ends the closure of a plosive.
    """

    centre_hz: float
    bandwidth_hz: float
    level_db: float
    onset: float = 0.0


@dataclass(frozen=True, slots=True)
class Phone:
    """One speech sound, spoken by an adult man.

    Args:
        symbol: its name in SAMPA.
        duration_s: inherent duration in unhurried speech.
        formants_hz: F1 to F4.
        voicing: amplitude of the glottal source, 0 to 1 (a stressed vowel).
        friction: its noise, if any.
        damping: factor on the formants' bandwidths, above 1 where the nose drains the sound.
    """

    symbol: str
    duration_s: float
    formants_hz: tuple[float, float, float, float]
    voicing: float
    friction: Friction | None = None
    damping: float = 1.0


PAUSE = Phone("_", 0.180, (500, 1500, 2500, 3500), 0.0)
SCHWA = Phone("@", 0.080, (500, 1400, 2450, 3400), 0.9)

VOWELS = (
    Phone("i", 0.110, (270, 2290, 3010, 3600), 0.9),
    Phone("e", 0.120, (480, 1950, 2550, 3500), 1.0),
    Phone("E", 0.120, (530, 1840, 2480, 3500), 1.0),
    Phone("a", 0.140, (730, 1190, 2440, 3400), 1.0),
    Phone("o", 0.130, (520, 900, 2410, 3350), 1.0),
    Phone("u", 0.110, (300, 870, 2240, 3300), 0.9),
    SCHWA,
)

CONSONANTS = (
    Phone("m", 0.070, (270, 1000, 2200, 3200), 0.45, damping=2.0),
    Phone("n", 0.065, (270, 1450, 2300, 3300), 0.45, damping=2.0),
    Phone("l", 0.065, (340, 1100, 2650, 3400), 0.6, damping=1.3),
    Phone("v", 0.060, (260, 1100, 2080, 3300), 0.4, Friction(3500, 4000, -32)),
    Phone("z", 0.075, (260, 1500, 2500, 3500), 0.35, Friction(5500, 1500, -20)),
    Phone("f", 0.090, (340, 1100, 2080, 3300), 0.0, Friction(4500, 5000, -24)),
    Phone("s", 0.105, (320, 1500, 2550, 3500), 0.0, Friction(5800, 1500, -12)),
    Phone("S", 0.105, (320, 1800, 2600, 3500), 0.0, Friction(3200, 1200, -10)),
    Phone("b", 0.070, (250, 900, 2150, 3300), 0.2, Friction(900, 1200, -20, 0.85)),
    Phone("d", 0.065, (250, 1700, 2600, 3500), 0.2, Friction(3800, 2000, -18, 0.8)),
    Phone("g", 0.070, (250, 2000, 2500, 3400), 0.2, Friction(2000, 900, -16, 0.75)),
    Phone("p", 0.085, (300, 900, 2150, 3300), 0.0, Friction(1000, 1400, -18, 0.75)),
    Phone("t", 0.080, (300, 1700, 2600, 3500), 0.0, Friction(4200, 2000, -14, 0.65)),
    Phone("k", 0.085, (300, 2000, 2500, 3400), 0.0, Friction(2000, 900, -14, 0.65)),
)
